-- How many days do customers stay at a stage before they move up, and how many before they fall back?
-- parts: metrics
-- brand = lumiere
-- at = 2026-11-17
-- 0 days: who reaches a threshold exactly is below it again a moment later.
WITH moves AS
(
    SELECT from_stage, to_stage, at, lagInFrame(toNullable(at)) OVER (PARTITION BY customer ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS since
    FROM stage_history
    WHERE brand = {brand:String} AND at <= {at:DateTime64(6, 'UTC')}
)
SELECT
    from_stage,
    if(to_stage > from_stage, 'up', 'down') AS direction,
    count() AS moves,
    round(quantileExactInclusive(0.5)(dateDiff('second', assumeNotNull(since), at)) / 86400, 1) AS median_days,
    round(quantileExactInclusive(0.9)(dateDiff('second', assumeNotNull(since), at)) / 86400, 1) AS ninetieth_days
FROM moves
WHERE from_stage != 'none'
GROUP BY from_stage, direction
ORDER BY from_stage, direction DESC
