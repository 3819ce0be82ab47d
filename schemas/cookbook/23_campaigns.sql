-- What became of each campaign: delivered, opened, clicked, bought?
-- parts: media plan, two-way communication
-- brand = lumiere
-- at = 2026-11-17
-- days = 7
-- Customers; bought: an order within the days after the first touch of the campaign, on any channel.
WITH
    met AS
    (
        SELECT customer, campaign, min(time) AS met_at,
            max(type IN ('campaign.opened')) AS opened,
            max(type IN ('web.click', 'mail.link_opened')) AS clicked,
            max(type IN ('web.unsubscribe')) AS left,
            max(type IN ('store.coupon_redeemed', 'web.coupon_redeemed')) AS redeemed
        FROM touchpoints
        WHERE brand = {brand:String} AND campaign != '' AND time <= {at:DateTime64(6, 'UTC')}
        GROUP BY customer, campaign
    ),
    orders AS (SELECT customer, time FROM touchpoints WHERE brand = {brand:String} AND revenue > 0 AND time <= {at:DateTime64(6, 'UTC')})
SELECT
    m.campaign AS campaign,
    uniqExact(m.customer) AS reached,
    uniqExactIf(m.customer, opened) AS opened_it,
    uniqExactIf(m.customer, clicked) AS clicked_it,
    uniqExactIf(m.customer, redeemed) AS redeemed_coupon,
    uniqExactIf(m.customer, o.time > m.met_at AND o.time <= m.met_at + toIntervalDay({days:UInt32})) AS bought,
    uniqExactIf(m.customer, left) AS unsubscribed
FROM met AS m
LEFT JOIN orders AS o ON o.customer = m.customer
GROUP BY campaign
ORDER BY reached DESC, campaign
