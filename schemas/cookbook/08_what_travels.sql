-- Which posts and reviews travelled furthest from person to person, and what did they bring?
-- parts: word of mouth, content
-- brand = lumiere
-- at = 2026-11-17
SELECT type, content, started_at, depth AS generations, customers AS reached, converted AS bought, revenue AS revenue_by_currency
FROM cascades
WHERE brand = {brand:String} AND is_known AND started_at <= {at:DateTime64(6, 'UTC')}
ORDER BY reached DESC, bought DESC, started_at
LIMIT 8
