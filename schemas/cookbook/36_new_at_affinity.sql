-- Who is new at Affinity this week, and what brought them there?
-- parts: psycho-demographic communication along the A-Path, two-way communication
-- brand = lumiere
-- at = 2026-11-17
-- days = 7
-- They came from a lower stage within the days, and stand at Affinity: the audience new-at-affinity as of then.
SELECT
    customer,
    from_stage AS came_from,
    arrived AS came_at,
    by,
    lapses_on
FROM
(
    SELECT
        h.customer AS customer,
        argMax(h.from_stage, h.at) AS from_stage,
        max(h.at) AS arrived,
        arrayStringConcat(arraySort(argMax(h.types, h.at)), ', ') AS by,
        any(toDate(j.lapses_at)) AS lapses_on
    FROM stage_history_under(model = (SELECT model FROM model_in_force), at = {at:DateTime64(6, 'UTC')}) AS h
    INNER JOIN (SELECT customer, lapses_at FROM journeys_at(at = {at:DateTime64(6, 'UTC')}) WHERE brand = {brand:String} AND stage = 'affinity') AS j ON j.customer = h.customer
    WHERE h.brand = {brand:String} AND h.to_stage = 'affinity' AND h.from_stage < h.to_stage AND h.at >= {at:DateTime64(6, 'UTC')} - toIntervalDay({days:UInt16})
    GROUP BY customer
)
ORDER BY arrived DESC, customer
LIMIT 10
