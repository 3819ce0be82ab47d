-- Do customers whom we met first in a shop stay longer than those whom we met online?
-- parts: loyalty, media plan
-- brand = lumiere
-- at = 2026-11-17
-- Share of customers with a touch in each week after the one of their first; a week counts once it is over.
WITH
    met AS
    (
        SELECT customer, min(time) AS first_at, argMin(channel, (time, source, id)) AS first_channel
        FROM touchpoints
        WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}
        GROUP BY customer
    ),
    weeks AS
    (
        SELECT m.customer AS customer, m.first_channel AS first_channel, m.first_at AS first_at,
            groupUniqArray(intDiv(dateDiff('second', m.first_at, t.time), 604800)) AS active
        FROM met AS m
        INNER JOIN (SELECT customer, time FROM touchpoints WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}) AS t ON t.customer = m.customer
        GROUP BY customer, first_channel, first_at
    )
SELECT
    first_channel,
    count() AS customers,
    round(100 * countIf(has(active, 1) AND age >= 2) / countIf(age >= 2), 1) AS week_1_percent,
    round(100 * countIf(has(active, 2) AND age >= 3) / countIf(age >= 3), 1) AS week_2_percent,
    round(100 * countIf(has(active, 3) AND age >= 4) / countIf(age >= 4), 1) AS week_3_percent
FROM (SELECT customer, first_channel, active, intDiv(dateDiff('second', first_at, {at:DateTime64(6, 'UTC')}), 604800) AS age FROM weeks)
GROUP BY first_channel
HAVING customers >= 10
ORDER BY customers DESC, first_channel
