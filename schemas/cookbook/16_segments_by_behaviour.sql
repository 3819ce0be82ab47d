-- Which kinds of customers do we have, by what they do?
-- parts: target insight
-- brand = lumiere
-- at = 2026-11-17
-- Each customer is in one segment, the first that fits, from the most giving to the least.
WITH acts AS
(
    SELECT
        customer,
        uniqExact(channel) AS channels,
        countIf(revenue > 0) AS orders,
        countIf(type = 'social.share' OR type = 'social.user_content' OR type = 'community.answer') AS voices,
        countIf(type IN ('store.check_in', 'store.fitting_room', 'store.purchase')) AS visits,
        countIf(type IN ('web.product_view', 'app.product_view', 'web.search')) AS looks,
        countIf(type IN ('store.coupon_redeemed', 'web.coupon_redeemed')) AS coupons,
        max(time) AS last_at
    FROM touchpoints
    WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
)
SELECT
    multiIf(
        voices > 0 AND acts.orders > 0, 'fans: buy and speak for us',
        voices > 0, 'voices: speak for us, do not buy',
        acts.orders > 1, 'regulars: bought more than once',
        coupons > 0, 'savers: came for a coupon',
        acts.orders = 1, 'triers: bought once',
        visits > 0 AND looks > 0, 'comparers: look in shops and online',
        visits > 0, 'strollers: look in shops',
        looks > 0, 'browsers: look online',
        'audience of our media: saw or heard of us') AS segment,
    count() AS customers,
    round(100 * customers / sum(customers) OVER (), 1) AS percent,
    round(avg(acts.channels), 2) AS channels,
    round(avg(acts.orders), 2) AS orders,
    round(100 * countIf(last_at < {at:DateTime64(6, 'UTC')} - INTERVAL 14 DAY) / count(), 1) AS silent_two_weeks_percent
FROM acts
GROUP BY segment
ORDER BY customers DESC, segment
