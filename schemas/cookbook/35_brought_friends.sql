-- Who brought us three friends or more, and did they buy?
-- parts: word of mouth, loyalty
-- brand = lumiere
-- at = 2026-11-17
-- friends = 3
-- Friends whom they brought directly: customers with a touch that names something of theirs as its cause. The audience brought-three-friends, until then.
SELECT
    b.customer AS customer,
    uniqExact(f.customer) AS brought,
    uniqExactIf(f.customer, f.customer IN (SELECT customer FROM touchpoints WHERE brand = {brand:String} AND revenue > 0 AND time <= {at:DateTime64(6, 'UTC')})) AS of_whom_buyers,
    toDate(min(e.time)) AS since,
    toDate(max(e.time)) AS latest
FROM cascade_edges AS e
INNER JOIN customers AS f ON f.handle = e.handle
INNER JOIN customers AS b ON b.handle = e.parent_handle
WHERE e.brand = {brand:String} AND e.state = 'joined' AND e.counts AND f.customer != b.customer AND e.time <= {at:DateTime64(6, 'UTC')}
GROUP BY customer
HAVING brought >= {friends:UInt16}
ORDER BY brought DESC, of_whom_buyers DESC, customer
LIMIT 10
