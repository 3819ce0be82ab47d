-- What moves people from Affinity to Audience?
-- parts: behaviours
-- brand = lumiere
-- at = 2026-11-17
-- Stays at Affinity, by what happened during them: how many ended at Audience or above, against those without it.
-- The touch that tipped the scale is not counted, so that nothing explains itself.
WITH
    stays AS
    (
        SELECT customer, at AS since,
            leadInFrame(at, 1, {at:DateTime64(6, 'UTC')}) OVER path AS until,
            leadInFrame(to_stage, 1, to_stage) OVER path >= 'audience' AS moved,
            to_stage
        FROM stage_history
        WHERE brand = {brand:String} AND at <= {at:DateTime64(6, 'UTC')}
        WINDOW path AS (PARTITION BY customer ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    ),
    affinity AS (SELECT customer, since, until, moved FROM stays WHERE to_stage = 'affinity'),
    (SELECT (count(), countIf(moved)) FROM affinity) AS everyone
SELECT
    type,
    uniqExact(s.customer, s.since) AS stays_with,
    uniqExactIf((s.customer, s.since), s.moved) AS moved_with,
    round(100 * moved_with / stays_with, 1) AS moved_percent,
    round(100 * (everyone.2 - moved_with) / (everyone.1 - stays_with), 1) AS moved_percent_without
FROM affinity AS s
INNER JOIN (SELECT customer, time, type FROM touchpoints WHERE brand = {brand:String}) AS t ON t.customer = s.customer
WHERE t.time > s.since AND t.time < s.until
GROUP BY type
HAVING stays_with >= 5
ORDER BY moved_percent DESC, stays_with DESC, type
LIMIT 12
