-- Which products keep what they promise: bought, kept, bought again, recommended?
-- parts: value proposition
-- brand = lumiere
-- at = 2026-11-17
SELECT
    product,
    countIf(revenue > 0) AS sold,
    countIf(revenue < 0) AS given_back,
    uniqExactIf(customer, type LIKE '%product_view') AS looked,
    uniqExactIf(customer, revenue > 0) AS buyers,
    countIf(type = 'web.review' AND rating >= 4) AS praised,
    countIf(type = 'support.ticket') AS tickets,
    sumIf(revenue, currency = 'EUR') AS eur
FROM touchpoints
WHERE brand = {brand:String} AND product != '' AND time <= {at:DateTime64(6, 'UTC')}
GROUP BY product
HAVING sold > 0
ORDER BY sold DESC, eur DESC, product
LIMIT 10
