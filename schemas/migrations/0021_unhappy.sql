-- Unhappy customers: on balance, what they did counts against the brand. The view lists customers whose score for
-- Affinity or Advocacy, faded up to `at`, is below zero by a tenth of the stage's threshold or more, so that one angry
-- act is listed for months and not for ever. `place` is that of the customer's latest touch that names one. `last_*`
-- is the latest interaction that counted against the brand; an interaction that takes back another is shown only where
-- there is no other, and a customer of whom only expired ones count against it is not listed.
CREATE VIEW unhappy_customers
AS SELECT
    u.brand AS brand,
    u.customer AS customer,
    p.place AS place,
    u.affinity AS affinity,
    u.advocacy AS advocacy,
    least(ifNull(u.affinity, 0), ifNull(u.advocacy, 0)) AS balance,
    i.time AS last_at,
    i.event AS last_event,
    i.type AS last_type,
    i.content AS last_content,
    i.product AS last_product,
    i.rating AS last_rating,
    i.sentiment AS last_sentiment,
    if(p.tickets > p.resolved, p.tickets - p.resolved, 0) AS open_tickets,
    p.last_seen AS last_seen
FROM interactions AS i
INNER JOIN
(
    SELECT
        v.brand AS brand,
        c.customer AS customer,
        sumOrNullIf(v.faded, v.position = 3) AS affinity,
        sumOrNullIf(v.faded, v.position = 5) AS advocacy,
        argMaxIf(v.event, (v.event != 0, v.says, v.time, v.event), v.weight < 0) AS against
    FROM
    (
        SELECT brand, handle, event, time, position, weight,
            substringIndex(type, '.', -1) NOT IN ('unlike', 'uncomment', 'unshare', 'unreview', 'withdrawn_content') AS says,
            weight * exp2((toUnixTimestamp64Micro(time) - toUnixTimestamp64Micro({at:DateTime64(6, 'UTC')})) / (half_life_s * 1000000)) AS faded
        FROM touch_evidence(model = (SELECT model FROM model_in_force))
        WHERE position IN (3, 5) AND time <= {at:DateTime64(6, 'UTC')}
    ) AS v
    INNER JOIN customers AS c ON c.handle = v.handle
    GROUP BY brand, customer
    HAVING affinity < -0.1 * (SELECT thresholds[3] FROM model_in_force) OR advocacy < -0.1 * (SELECT thresholds[5] FROM model_in_force)
) AS u ON u.against = i.event
INNER JOIN
(
    SELECT
        brand,
        customer,
        argMaxIf(place, (time, event), place != '') AS place,
        countIf(type = 'support.ticket') AS tickets,
        countIf(type = 'support.resolved') AS resolved,
        max(time) AS last_seen
    FROM touchpoints
    WHERE time <= {at:DateTime64(6, 'UTC')}
    GROUP BY brand, customer
) AS p ON p.brand = u.brand AND p.customer = u.customer
WHERE assumeNotNull((SELECT throwIf(countIf(horizon > {at:DateTime64(6, 'UTC')}) > 0, 'Interactions up to the horizon of a brand have expired (see the view horizons): ask for an instant after it') FROM horizons)) = 0
COMMENT 'unhappy_customers(at = time): customers with more against the brand than for it, with the latest act that says so';
