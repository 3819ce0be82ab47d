-- What does a member of the loyalty programme do more than others?
-- parts: loyalty
-- brand = lumiere
-- at = 2026-11-17
WITH customers_of_brand AS
(
    SELECT
        customer,
        max(type = 'store.loyalty_join' OR has(kinds, 'loyalty')) AS member,
        countIf(revenue > 0) AS orders,
        countIf(revenue < 0) AS returns,
        uniqExact(channel) AS channels,
        countIf(type = 'social.share' OR type = 'web.review' AND rating >= 4) AS praise,
        count() AS touches
    FROM touchpoints
    WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
)
SELECT
    if(member, 'member', 'no member') AS who,
    count() AS customers,
    round(100 * countIf(orders > 0) / customers, 1) AS bought_percent,
    round(100 * countIf(orders > 1) / countIf(orders > 0), 1) AS buyers_again_percent,
    round(sum(orders) / countIf(orders > 0), 2) AS orders_a_buyer,
    round(avg(channels), 2) AS channels,
    round(100 * countIf(praise > 0) / customers, 1) AS praised_percent
FROM customers_of_brand
GROUP BY member
ORDER BY member DESC
