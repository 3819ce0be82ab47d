-- Are we on course for our targets?
-- parts: metrics
-- brand = lumiere
-- at = 2026-11-17
-- Customers at the stage of the target or above, with a touch on its channel where it names one. `on_course`: the share
-- reached is at least the share of the time that has passed since the target was set.
WITH
    goals AS (SELECT stage, channel, due, customers, set_at FROM targets FINAL WHERE brand = {brand:String} AND set_at <= {at:DateTime64(6, 'UTC')}),
    standing AS (SELECT stage, touches_social, touches_web, touches_store, touches_support, touches_direct FROM journeys_at(at = {at:DateTime64(6, 'UTC')}) WHERE brand = {brand:String})
SELECT
    g.stage AS stage,
    if(g.channel = '', 'any', g.channel) AS on_channel,
    g.due AS due,
    any(g.customers) AS target,
    countIf(CAST(s.stage, 'Int8') >= CAST(g.stage, 'Int8') AND multiIf(
        g.channel = 'social', s.touches_social, g.channel = 'web', s.touches_web, g.channel = 'store', s.touches_store,
        g.channel = 'support', s.touches_support, g.channel = 'direct', s.touches_direct, 1) > 0) AS reached,
    round(100 * reached / target, 1) AS reached_percent,
    round(100 * dateDiff('second', any(g.set_at), {at:DateTime64(6, 'UTC')}) / dateDiff('second', any(g.set_at), toDateTime64(g.due, 6, 'UTC')), 1) AS time_percent,
    reached_percent >= time_percent AS on_course
FROM goals AS g
CROSS JOIN standing AS s
GROUP BY g.stage, g.channel, g.due
ORDER BY due, stage, on_channel
