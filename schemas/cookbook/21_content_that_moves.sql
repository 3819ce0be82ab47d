-- Which content is followed by a step up the A-Path?
-- parts: content
-- brand = lumiere
-- at = 2026-11-17
-- days = 3
-- Of the customers who met it, those who came to a higher stage within the days after they first did.
WITH
    met AS
    (
        SELECT customer, content, min(time) AS met_at
        FROM touchpoints
        WHERE brand = {brand:String} AND content != '' AND time <= {at:DateTime64(6, 'UTC')}
        GROUP BY customer, content
    ),
    steps AS
    (
        SELECT customer, at
        FROM stage_history
        WHERE brand = {brand:String} AND to_stage > from_stage AND at <= {at:DateTime64(6, 'UTC')}
    )
SELECT
    m.content AS content,
    uniqExact(m.customer) AS customers,
    uniqExactIf(m.customer, s.at > m.met_at AND s.at <= m.met_at + toIntervalDay({days:UInt32})) AS moved_up,
    round(100 * moved_up / customers, 1) AS moved_up_percent
FROM met AS m
LEFT JOIN steps AS s ON s.customer = m.customer
GROUP BY content
HAVING customers >= 10
ORDER BY moved_up_percent DESC, customers DESC, content
LIMIT 10
