-- Which advocates lapse within two weeks if nothing more happens, and when?
-- parts: advocacy, two-way communication
-- brand = lumiere
-- at = 2026-11-17
-- days = 14
-- The audience about-to-lapse as of then, whoever lapses first at the top.
SELECT
    customer,
    toDate(lapses_at) AS lapses_on,
    round(advocacy, 2) AS score,
    toDate(last_seen) AS last_seen_on,
    touches
FROM journeys_at(at = {at:DateTime64(6, 'UTC')})
WHERE brand = {brand:String} AND stage = 'advocacy' AND lapses_at < {at:DateTime64(6, 'UTC')} + toIntervalDay({days:UInt16})
ORDER BY lapses_at, customer
LIMIT 10
