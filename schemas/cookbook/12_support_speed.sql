-- How soon does support solve what customers write, by topic, and what do they say of it?
-- parts: post-sale support, two-way communication
-- brand = lumiere
-- at = 2026-11-17
WITH
    tickets AS
    (
        SELECT customer, event, time, JSONExtractString(properties, 'topic') AS topic
        FROM touchpoints
        WHERE brand = {brand:String} AND type = 'support.ticket' AND time <= {at:DateTime64(6, 'UTC')}
    ),
    solved AS
    (
        SELECT k.event AS event, min(t.time) AS solved_at
        FROM tickets AS k
        INNER JOIN (SELECT customer, time FROM touchpoints WHERE brand = {brand:String} AND type = 'support.resolved' AND time <= {at:DateTime64(6, 'UTC')}) AS t ON t.customer = k.customer
        WHERE t.time > k.time
        GROUP BY event
    ),
    rated AS
    (
        SELECT k.event AS event, argMin(t.rating, t.time) AS rating
        FROM tickets AS k
        INNER JOIN (SELECT customer, time, rating FROM touchpoints WHERE brand = {brand:String} AND type = 'support.csat' AND time <= {at:DateTime64(6, 'UTC')}) AS t ON t.customer = k.customer
        WHERE t.time > k.time
        GROUP BY event
    )
SELECT
    if(topic = '', 'not told', topic) AS about,
    count() AS tickets,
    countIf(s.event != 0) AS solved,
    round(quantileExactInclusiveIf(0.5)(dateDiff('second', k.time, s.solved_at), s.event != 0) / 3600, 1) AS median_hours,
    countIf(r.event != 0) AS rated,
    round(avgIf(r.rating, r.event != 0), 2) AS rating
FROM tickets AS k
LEFT JOIN solved AS s ON s.event = k.event
LEFT JOIN rated AS r ON r.event = k.event
GROUP BY topic
ORDER BY tickets DESC, about
