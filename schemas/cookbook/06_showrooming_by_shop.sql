-- Which shops are used to look, and which online looks end in a shop?
-- parts: behaviours
-- brand = lumiere
-- window_days = 14
SELECT what, place, bought, revenue_by_currency
FROM
(
    SELECT 'seen in the shop, bought online' AS what, place, sum(purchases) AS bought, sumMap(revenue) AS revenue_by_currency
    FROM showrooming(window_days = {window_days:UInt32})
    WHERE brand = {brand:String}
    GROUP BY place
    UNION ALL
    SELECT 'seen online, bought in the shop' AS what, place, sum(purchases) AS bought, sumMap(revenue) AS revenue_by_currency
    FROM webrooming(window_days = {window_days:UInt32})
    WHERE brand = {brand:String}
    GROUP BY place
)
ORDER BY what, bought DESC, place
