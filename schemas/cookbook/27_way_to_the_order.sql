-- How many touches on how many channels does an order take, and which channel closes it?
-- parts: behaviours, media plan
-- brand = lumiere
-- at = 2026-11-17
-- First orders. Channels in the order of their first touch; support before a first order is a question before buying.
WITH firsts AS
(
    SELECT customer, min(time) AS bought_at, argMin(channel, (time, source, id)) AS bought_in
    FROM touchpoints
    WHERE brand = {brand:String} AND revenue > 0 AND time <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
)
SELECT
    arrayStringConcat(way, ' > ') AS channels_before,
    bought_in,
    count() AS orders,
    round(avg(touches), 1) AS touches,
    round(quantileExactInclusive(0.5)(days), 1) AS median_days
FROM
(
    SELECT
        f.customer AS customer,
        any(f.bought_in) AS bought_in,
        arrayDistinct(arrayMap(x -> x.2, arraySort(groupArray((t.time, toString(t.channel)))))) AS way,
        count() AS touches,
        dateDiff('second', min(t.time), any(f.bought_at)) / 86400 AS days
    FROM firsts AS f
    INNER JOIN (SELECT customer, time, channel FROM touchpoints WHERE brand = {brand:String}) AS t ON t.customer = f.customer
    WHERE t.time < f.bought_at
    GROUP BY customer
)
GROUP BY way, bought_in
ORDER BY orders DESC, channels_before, bought_in
LIMIT 10
