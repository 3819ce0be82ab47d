-- Who brings us customers, and do the loudest bring the most?
-- parts: advocacy, word of mouth
-- brand = lumiere
-- at = 2026-11-17
-- By what followed from what they did, not by how often they spoke: compare the rank with the number of shares.
SELECT i.rank AS rank, i.customer AS customer, s.shares AS shares, i.customers AS brought, i.direct AS brought_directly, i.converted AS bought, i.revenue AS revenue_by_currency
FROM influencers AS i
INNER JOIN
(
    SELECT customer, countIf(type = 'social.share') AS shares
    FROM touchpoints
    WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
) AS s ON s.customer = i.customer
WHERE i.brand = {brand:String}
ORDER BY rank, brought_directly DESC, customer
LIMIT 8
