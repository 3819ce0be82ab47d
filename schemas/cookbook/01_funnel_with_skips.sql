-- How far do customers come on the A-Path, and how many go past a stage without stopping there?
-- parts: metrics
-- brand = lumiere
-- at = 2026-11-17
-- A customer went past a stage when the first stage that they held at that height or above was a higher one.
WITH paths AS
(
    SELECT customer, arraySort(x -> x.1, groupArray((at, CAST(to_stage, 'Int8')))) AS path
    FROM stage_history
    WHERE brand = {brand:String} AND at <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
)
SELECT
    ['attention', 'attraction', 'affinity', 'audience', 'advocacy'][position] AS stage,
    countIf(arrayExists(x -> x.2 >= position, path)) AS came_so_far,
    countIf(arrayFirst(x -> x.2 >= position, path).2 > position) AS went_past,
    round(100 * went_past / came_so_far, 1) AS went_past_percent
FROM paths
ARRAY JOIN range(1, 6) AS position
GROUP BY position
ORDER BY position
