-- How much of what our shops sell was researched online before?
-- parts: behaviours
-- brand = lumiere
-- at = 2026-11-17
-- window_days = 14
-- A sale in a shop was researched when the same customer had a touch on the web or a network within the days before:
-- with the same product, or at all.
WITH
    sales AS
    (
        SELECT customer, event, time, product, toString(currency) AS money, revenue
        FROM touchpoints
        WHERE brand = {brand:String} AND channel = 'store' AND revenue > 0 AND time <= {at:DateTime64(6, 'UTC')}
    ),
    looks AS
    (
        SELECT s.event AS event, max(t.product = s.product AND s.product != '') AS same
        FROM sales AS s
        INNER JOIN (SELECT customer, time, product FROM touchpoints WHERE brand = {brand:String} AND channel IN ('web', 'social')) AS t ON t.customer = s.customer
        WHERE t.time < s.time AND t.time >= s.time - toIntervalDay({window_days:UInt32})
        GROUP BY event
    )
SELECT
    money AS currency,
    count() AS shop_sales,
    sum(s.revenue) AS shop_revenue,
    countIf(l.event != 0) AS online_before,
    countIf(l.same = 1) AS same_product_online_before,
    round(100 * ifNull(sumIf(s.revenue, l.event != 0), 0) / shop_revenue, 1) AS revenue_percent_online_before,
    round(100 * ifNull(sumIf(s.revenue, l.same = 1), 0) / shop_revenue, 1) AS revenue_percent_same_product
FROM sales AS s
LEFT JOIN looks AS l ON l.event = s.event
GROUP BY money
ORDER BY shop_sales DESC
