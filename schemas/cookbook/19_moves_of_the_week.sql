-- Who moved between stages in the last seven days, from where to where?
-- parts: psycho-demographic communication along the A-Path, metrics
-- brand = lumiere
-- at = 2026-11-17
-- Each customer of both ends of the week once, at the stage then; who was met meanwhile is new.
SELECT
    if(b.customer = 0, 'new', toString(b.stage)) AS a_week_ago,
    countIf(a.stage = 'none') AS none,
    countIf(a.stage = 'attention') AS attention,
    countIf(a.stage = 'attraction') AS attraction,
    countIf(a.stage = 'affinity') AS affinity,
    countIf(a.stage = 'audience') AS audience,
    countIf(a.stage = 'advocacy') AS advocacy
FROM (SELECT customer, stage FROM journeys_at(at = {at:DateTime64(6, 'UTC')}) WHERE brand = {brand:String}) AS a
LEFT JOIN
(
    SELECT customer, stage
    FROM standing_under(model = (SELECT model FROM model_in_force), at = {at:DateTime64(6, 'UTC')} - INTERVAL 7 DAY)
    WHERE brand = {brand:String}
) AS b ON b.customer = a.customer
GROUP BY b.customer = 0, b.stage, a_week_ago
ORDER BY b.customer = 0, b.stage
