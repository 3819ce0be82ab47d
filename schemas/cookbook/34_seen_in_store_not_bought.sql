-- Who came to our stores within a month and has bought nothing yet, anywhere?
-- parts: behaviours, psycho-demographic communication along the A-Path
-- brand = lumiere
-- at = 2026-11-17
-- days = 30
-- By store of the latest visit and by stage, of those with a touch within the days; somebody who brought nothing in any currency has not bought.
SELECT
    v.place AS place,
    j.stage AS stage,
    count() AS customers,
    round(avg(v.visits), 1) AS visits_each,
    countIf(j.touches > j.touches_store) AS met_elsewhere_too,
    toDate(max(v.last_visit)) AS last_visit
FROM journeys_at(at = {at:DateTime64(6, 'UTC')}) AS j
INNER JOIN
(
    SELECT customer, argMax(place, (time, event)) AS place, count() AS visits, max(time) AS last_visit
    FROM touchpoints
    WHERE brand = {brand:String} AND channel = 'store' AND time <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
) AS v ON v.customer = j.customer
WHERE j.brand = {brand:String} AND empty(j.revenue) AND j.last_seen >= {at:DateTime64(6, 'UTC')} - toIntervalDay({days:UInt16})
GROUP BY place, stage
ORDER BY customers DESC, place, stage
LIMIT 10
