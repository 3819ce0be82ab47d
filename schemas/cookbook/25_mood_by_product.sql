-- What do people praise, and what do they complain about, by product?
-- parts: value proposition, target insight
-- brand = lumiere
-- at = 2026-11-17
-- Reviews, posts, tickets and pictures that name a product; sentiment from -1 to 1, stars from 1 to 5.
SELECT
    product,
    count() AS said,
    uniqExact(customer) AS customers,
    round(avg(sentiment), 2) AS mood,
    round(avgIf(rating, type = 'web.review'), 2) AS stars,
    countIf(type = 'support.ticket') AS tickets
FROM touchpoints
WHERE brand = {brand:String} AND product != '' AND (sentiment IS NOT NULL OR rating IS NOT NULL) AND time <= {at:DateTime64(6, 'UTC')}
GROUP BY product
HAVING said >= 2
ORDER BY mood DESC, said DESC, product
LIMIT 10
