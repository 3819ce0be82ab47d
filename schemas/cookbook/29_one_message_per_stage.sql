-- Where, when and about what do we speak to customers at each stage?
-- parts: psycho-demographic communication along the A-Path
-- brand = lumiere
-- at = 2026-11-17
-- Of customers by their stage: the channel, device and hour (UTC) of most of their touches in the last two weeks, and
-- what lifted others from that stage most often, before.
WITH
    standing AS
    (
        SELECT customer, stage
        FROM standing_under(model = (SELECT model FROM model_in_force), at = {at:DateTime64(6, 'UTC')})
        WHERE brand = {brand:String}
    ),
    recent AS
    (
        SELECT s.stage AS stage, t.customer AS customer, toString(t.channel) AS channel, toString(t.device) AS device, 3 * intDiv(toHour(t.time), 3) AS hour
        FROM touchpoints AS t
        INNER JOIN standing AS s ON s.customer = t.customer
        WHERE t.brand = {brand:String} AND t.time <= {at:DateTime64(6, 'UTC')} AND t.time > {at:DateTime64(6, 'UTC')} - INTERVAL 14 DAY
    ),
    lifts AS
    (
        SELECT from_stage, arrayJoin(types) AS lift, count() AS times
        FROM stage_history
        WHERE brand = {brand:String} AND to_stage > from_stage AND at <= {at:DateTime64(6, 'UTC')}
        GROUP BY from_stage, lift
    )
SELECT r.stage AS stage, r.customers AS customers_met, r.channel AS channel, r.device AS device, r.hour AS from_hour, l.lift AS lifted_by
FROM
(
    SELECT
        stage,
        uniqExact(customer) AS customers,
        arraySort(x -> (-x.2, x.1), arrayMap(c -> (c, countEqual(groupArray(channel), c)), groupUniqArray(channel)))[1].1 AS channel,
        arraySort(x -> (-x.2, x.1), arrayMap(d -> (d, countEqual(groupArray(device), d)), groupUniqArrayIf(device, device != '')))[1].1 AS device,
        arraySort(x -> (-x.2, x.1), arrayMap(h -> (h, countEqual(groupArray(hour), h)), groupUniqArray(hour)))[1].1 AS hour
    FROM recent
    GROUP BY stage
) AS r
LEFT JOIN (SELECT from_stage, argMax(lift, (times, lift)) AS lift FROM lifts GROUP BY from_stage) AS l ON CAST(l.from_stage, 'Int8') = CAST(r.stage, 'Int8')
ORDER BY stage
