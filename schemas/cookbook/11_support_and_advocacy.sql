-- Does good support make advocates, and bad support cost us some?
-- parts: post-sale support, advocacy
-- brand = lumiere
-- at = 2026-11-17
-- Customers by the last rating they gave support; praise and blame are those after their first contact with it.
WITH
    contacts AS
    (
        SELECT customer, min(time) AS first_at, argMaxIf(rating, time, type = 'support.csat') AS last_rating
        FROM touchpoints
        WHERE brand = {brand:String} AND channel = 'support' AND time <= {at:DateTime64(6, 'UTC')}
        GROUP BY customer
    ),
    voices AS
    (
        SELECT customer, time, weight
        FROM advocacy_touches(model = (SELECT model FROM model_in_force), since = '2000-01-01 00:00:00', until = {at:DateTime64(6, 'UTC')})
        WHERE brand = {brand:String}
    )
SELECT
    multiIf(c.customer = 0, 'no contact', c.last_rating >= 4, 'rated 4 or 5', c.last_rating <= 2, 'rated 1 or 2', c.last_rating IS NULL, 'no rating', 'rated 3') AS support,
    uniqExact(t.customer) AS customers,
    uniqExactIf(t.customer, v.weight > 0 AND (c.customer = 0 OR v.time > c.first_at)) AS praised_since,
    uniqExactIf(t.customer, v.weight < 0 AND (c.customer = 0 OR v.time > c.first_at)) AS blamed_since,
    round(100 * praised_since / customers, 1) AS praised_percent
FROM (SELECT DISTINCT customer FROM touchpoints WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')} AND revenue > 0) AS t
LEFT JOIN contacts AS c ON c.customer = t.customer
LEFT JOIN voices AS v ON v.customer = t.customer
GROUP BY support
ORDER BY customers DESC, support
