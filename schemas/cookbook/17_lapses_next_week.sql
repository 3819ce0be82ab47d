-- Whom do we lose in the week to come if nothing more happens, and where can they still be met?
-- parts: psycho-demographic communication along the A-Path
-- brand = lumiere
-- at = 2026-11-17
-- The instant at which a stage lapses follows from the evidence: no forecast. Favourite channel: that of most touches.
SELECT
    stage,
    count() AS customers_to_lapse,
    countIf(channel = 'social') AS met_on_social,
    countIf(channel = 'web') AS met_on_web,
    countIf(channel = 'store') AS met_in_store,
    countIf(channel NOT IN ('social', 'web', 'store')) AS met_otherwise,
    min(lapses_at) AS first_lapse
FROM
(
    SELECT stage, lapses_at,
        ['social', 'web', 'store', 'support', 'direct', 'other'][indexOf(touches_by, arrayMax([touches_social, touches_web, touches_store, touches_support, touches_direct, touches_other] AS touches_by))] AS channel
    FROM journeys_at(at = {at:DateTime64(6, 'UTC')})
    WHERE brand = {brand:String} AND lapses_at < {at:DateTime64(6, 'UTC')} + INTERVAL 7 DAY
)
GROUP BY stage
ORDER BY stage DESC
