-- Views for analysts' questions. A customer counts once per brand, however many handles they have; a touch counts once
-- per interaction. Every view looks up customers at query time, so a link of handles that is found late applies to all
-- of history here too. Call a view with arguments like a function:
--   SELECT * FROM journeys_at(at = '2026-11-01 00:00:00')

-- The path of stage_history by any model, as far as it was known at an instant: from interactions up to `at`, and
-- lapses before it.
CREATE VIEW stage_history_under
AS SELECT *
FROM stage_steps(model = {model:String}, until = {at:DateTime64(6, 'UTC')}, now = {at:DateTime64(6, 'UTC')})
COMMENT 'stage_history_under(model = hash, at = time): the path of every customer by that model, as known at that time';

-- One row per brand and customer with at least one interaction. A score without evidence is NULL, never 0.0. `since`
-- is NULL for a customer who never had a stage, and the instant of the lapse for a customer who has none any more.
-- ClickHouse pushes a filter on brand or customer down to the evidence and interactions. A query that needs neither
-- `since` nor `handles` reads standings instead: the joins here run even when their columns are not read.
CREATE VIEW journeys
AS SELECT
    s.brand AS brand,
    s.customer AS customer,
    s.stage AS stage,
    s.scores[1] AS attention,
    s.scores[2] AS attraction,
    s.scores[3] AS affinity,
    s.scores[4] AS audience,
    s.scores[5] AS advocacy,
    h.since AS since,
    s.lapses_at AS lapses_at,
    s.first_seen AS first_seen,
    s.last_seen AS last_seen,
    s.touches AS touches,
    s.touches_social AS touches_social,
    s.touches_web AS touches_web,
    s.touches_store AS touches_store,
    s.touches_support AS touches_support,
    s.touches_direct AS touches_direct,
    s.touches_other AS touches_other,
    s.revenue AS revenue,
    k.handles AS handles
FROM standings AS s
LEFT JOIN (SELECT brand, customer, toNullable(max(at)) AS since FROM stage_history GROUP BY brand, customer) AS h
    ON h.brand = s.brand AND h.customer = s.customer
LEFT JOIN (SELECT customer, arraySort(groupArray(handle)) AS handles FROM customers GROUP BY customer) AS k
    ON k.customer = s.customer
COMMENT 'Every customer of every brand: stage, scores now, since when, until when, what it did';

-- Customers by any model, from interactions up to `at` alone: what a model under trial would have said. The columns
-- are those of journeys, without `since`. Channel and revenue are those of the model in force. A customer with touches
-- and no evidence has no stage; somebody known only by identity events is no customer. Handles are those known now,
-- since identity keeps no past.
CREATE VIEW standing_under
AS WITH
    (SELECT arrayMap(row -> row.2, arraySort(groupArray((position, half_life_s)))) FROM model_stages FINAL WHERE model = {model:String}) AS half_lives,
    (SELECT arrayMap(row -> row.2, arraySort(groupArray((position, threshold)))) FROM model_stages FINAL WHERE model = {model:String}) AS thresholds,
    arrayMap((score, threshold) -> ifNull(score, 0) >= threshold * (1 - 1e-9), [e.attention, e.attraction, e.affinity, e.audience, e.advocacy], thresholds) AS held,
    arrayMax(arrayMap((is_held, position) -> if(is_held, position, 0), held, range(1, 6))) AS position
SELECT
    t.brand AS brand,
    t.customer AS customer,
    CAST(position, 'Enum8(\'none\' = 0, \'attention\' = 1, \'attraction\' = 2, \'affinity\' = 3, \'audience\' = 4, \'advocacy\' = 5)') AS stage,
    e.attention AS attention,
    e.attraction AS attraction,
    e.affinity AS affinity,
    e.audience AS audience,
    e.advocacy AS advocacy,
    if(position > 0, fromUnixTimestamp64Micro(toInt64(least(toUnixTimestamp64Micro({at:DateTime64(6, 'UTC')})
        + floor(half_lives[position] * 1000000 * log2([e.attention, e.attraction, e.affinity, e.audience, e.advocacy][position] / (thresholds[position] * (1 - 1e-9)))), toFloat64(10413791999000000))), 'UTC'), NULL) AS lapses_at,
    t.first_seen AS first_seen,
    t.last_seen AS last_seen,
    t.touches AS touches,
    t.touches_social AS touches_social,
    t.touches_web AS touches_web,
    t.touches_store AS touches_store,
    t.touches_support AS touches_support,
    t.touches_direct AS touches_direct,
    t.touches_other AS touches_other,
    t.revenue AS revenue,
    k.handles AS handles
FROM
(
    SELECT
        brand,
        customer,
        min(first) AS first_seen,
        max(last) AS last_seen,
        sum(n) AS touches,
        sumIf(n, channel = 'social') AS touches_social,
        sumIf(n, channel = 'web') AS touches_web,
        sumIf(n, channel = 'store') AS touches_store,
        sumIf(n, channel = 'support') AS touches_support,
        sumIf(n, channel = 'direct') AS touches_direct,
        sumIf(n, channel = 'other') AS touches_other,
        mapFilter((k, v) -> v != 0, sumMap(money)) AS revenue
    FROM
    (
        SELECT brand, customer, channel, count() AS n, min(time) AS first, max(time) AS last,
            sumMapIf(map(toString(currency), CAST(ifNull(revenue, 0), 'Decimal(38, 4)')), ifNull(revenue, 0) != 0) AS money
        FROM touchpoints
        WHERE time <= {at:DateTime64(6, 'UTC')}
        GROUP BY brand, customer, channel
        UNION ALL
        SELECT e.brand AS brand, c.customer AS customer, e.channel AS channel, e.touches AS n, e.first_seen AS first, e.last_seen AS last, e.revenue AS money
        FROM expired_touches AS e
        INNER JOIN customers AS c ON c.handle = e.handle
        WHERE NOT throwIf(e.horizon > {at:DateTime64(6, 'UTC')}, 'Interactions up to the horizon of this brand have expired (see the view horizons): ask for an instant after it')
    )
    GROUP BY brand, customer
) AS t
LEFT JOIN
(
    SELECT
        brand,
        customer,
        sumOrNullIf(faded, position = 1) AS attention,
        sumOrNullIf(faded, position = 2) AS attraction,
        sumOrNullIf(faded, position = 3) AS affinity,
        sumOrNullIf(faded, position = 4) AS audience,
        sumOrNullIf(faded, position = 5) AS advocacy
    FROM
    (
        SELECT
            v.brand AS brand,
            c.customer AS customer,
            v.position AS position,
            v.weight * exp2((toUnixTimestamp64Micro(v.time) - toUnixTimestamp64Micro({at:DateTime64(6, 'UTC')})) / (v.half_life_s * 1000000)) AS faded
        FROM touch_evidence(model = {model:String}) AS v
        INNER JOIN customers AS c ON c.handle = v.handle
        WHERE v.time <= {at:DateTime64(6, 'UTC')}
    )
    GROUP BY brand, customer
) AS e ON e.brand = t.brand AND e.customer = t.customer
LEFT JOIN (SELECT customer, arraySort(groupArray(handle)) AS handles FROM customers GROUP BY customer) AS k
    ON k.customer = t.customer
COMMENT 'standing_under(model = hash, at = time): every customer as that model would have it at that time';

-- Customers as journeys would have shown them at `at`, with the model in force now and the identity known now.
CREATE VIEW journeys_at
AS SELECT
    s.brand AS brand,
    s.customer AS customer,
    s.stage AS stage,
    s.attention AS attention,
    s.attraction AS attraction,
    s.affinity AS affinity,
    s.audience AS audience,
    s.advocacy AS advocacy,
    h.since AS since,
    s.lapses_at AS lapses_at,
    s.first_seen AS first_seen,
    s.last_seen AS last_seen,
    s.touches AS touches,
    s.touches_social AS touches_social,
    s.touches_web AS touches_web,
    s.touches_store AS touches_store,
    s.touches_support AS touches_support,
    s.touches_direct AS touches_direct,
    s.touches_other AS touches_other,
    s.revenue AS revenue,
    s.handles AS handles
FROM standing_under(model = (SELECT model FROM model_in_force), at = {at:DateTime64(6, 'UTC')}) AS s
LEFT JOIN
(
    SELECT brand, customer, toNullable(max(at)) AS since
    FROM stage_history_under(model = (SELECT model FROM model_in_force), at = {at:DateTime64(6, 'UTC')})
    GROUP BY brand, customer
) AS h ON h.brand = s.brand AND h.customer = s.customer
COMMENT 'journeys_at(at = time): journeys as they were at that time, by the model in force now';

-- Customers now, each at one stage. Every brand that has customers lists all six stages, with 0 for a stage without
-- customers; the shares of a brand add up to 1.
CREATE VIEW stage_population
AS SELECT
    brand,
    place AS position,
    CAST(place, 'Enum8(\'none\' = 0, \'attention\' = 1, \'attraction\' = 2, \'affinity\' = 3, \'audience\' = 4, \'advocacy\' = 5)') AS stage,
    number AS customers,
    number / everyone AS share
FROM
(
    SELECT brand, count() AS everyone, sumForEach(arrayMap(p -> toUInt64(p = position), range(6))) AS numbers
    FROM standings
    GROUP BY brand
)
ARRAY JOIN numbers AS number, CAST(range(6), 'Array(UInt8)') AS place
COMMENT 'How many customers stand at each stage now, per brand';

-- Touches that follow another touch of the same customer and brand, in the order of time and, at the same time, of
-- source and id. So a customer with n touches counts n - 1 times. Two touches in a row on the same channel count as
-- well. Each customer's path is sorted by itself, as in channel_steps.
CREATE VIEW channel_switches
AS SELECT
    brand,
    from_channel,
    to_channel,
    multiIf(
        from_channel = 'store' AND to_channel = 'store', 'offline',
        from_channel = 'store', 'offline to online',
        to_channel = 'store', 'online to offline',
        'online') AS direction,
    count() AS switches,
    uniqExact(customer) AS customers,
    quantileExactInclusive(0.5)(gap_us) / 1000000 AS median_gap_s
FROM
(
    SELECT
        brand,
        customer,
        step.1.5 AS from_channel,
        toLowCardinality(step.2.5) AS to_channel,
        toUnixTimestamp64Micro(step.2.1) - toUnixTimestamp64Micro(step.1.1) AS gap_us
    FROM
    (
        SELECT brand, customer, arraySort(groupArray((time, source, id, event, channel))) AS path
        FROM touchpoints
        GROUP BY brand, customer
    )
    ARRAY JOIN arrayZip(arrayPopBack(path), arrayPopFront(path)) AS step
)
GROUP BY brand, from_channel, to_channel
COMMENT 'From which channel customers go to which, and how long it takes them';

-- Each purchase counts once, with the customer's latest look at the same product of the brand before it, at most
-- `window_days` earlier; of looks at the same time, the last by source and id. A look is a touch in a store that names
-- the product and carries no revenue. A purchase is a touch with revenue above 0 on any channel but the store. Touches
-- that name no product do not count. `place` is the store of the look, empty when the look named none.
CREATE VIEW showrooming
AS SELECT
    brand,
    place,
    product,
    uniqExact(customer) AS customers,
    count() AS purchases,
    sumMap(map(currency, revenue)) AS revenue,
    quantileExactInclusive(0.5)(waited_us) / 86400000000 AS median_days
FROM
(
    SELECT
        bought.brand AS brand,
        seen.place AS place,
        bought.product AS product,
        bought.customer AS customer,
        toString(bought.currency) AS currency,
        CAST(assumeNotNull(bought.revenue), 'Decimal(38, 4)') AS revenue,
        toUnixTimestamp64Micro(bought.time) - toUnixTimestamp64Micro(seen.time) AS waited_us
    FROM
    (
        SELECT brand, customer, product, time, currency, revenue
        FROM touchpoints
        WHERE product != '' AND channel != 'store' AND revenue > 0
    ) AS bought
    ASOF INNER JOIN
    (
        SELECT brand, customer, product, time, argMax(place, (source, id, event)) AS place
        FROM touchpoints
        WHERE product != '' AND channel = 'store' AND ifNull(revenue, 0) = 0
        GROUP BY brand, customer, product, time
    ) AS seen
    ON seen.brand = bought.brand AND seen.customer = bought.customer AND seen.product = bought.product AND seen.time < bought.time
)
WHERE waited_us <= {window_days:UInt32} * 86400000000
GROUP BY brand, place, product
COMMENT 'showrooming(window_days = n): looked at in a store, bought online within n days';

-- The reverse of showrooming. A look is a touch on the web, on a social network, in a mail or with support that names
-- the product and carries no revenue. A purchase is a touch with revenue above 0 in a store. `place` is the store of
-- the purchase.
CREATE VIEW webrooming
AS SELECT
    brand,
    place,
    product,
    uniqExact(customer) AS customers,
    count() AS purchases,
    sumMap(map(currency, revenue)) AS revenue,
    quantileExactInclusive(0.5)(waited_us) / 86400000000 AS median_days
FROM
(
    SELECT
        bought.brand AS brand,
        bought.place AS place,
        bought.product AS product,
        bought.customer AS customer,
        toString(bought.currency) AS currency,
        CAST(assumeNotNull(bought.revenue), 'Decimal(38, 4)') AS revenue,
        toUnixTimestamp64Micro(bought.time) - toUnixTimestamp64Micro(seen.time) AS waited_us
    FROM
    (
        SELECT brand, customer, product, place, time, currency, revenue
        FROM touchpoints
        WHERE product != '' AND channel = 'store' AND revenue > 0
    ) AS bought
    ASOF INNER JOIN
    (
        SELECT DISTINCT brand, customer, product, time
        FROM touchpoints
        WHERE product != '' AND channel IN ('web', 'social', 'direct', 'support') AND ifNull(revenue, 0) = 0
    ) AS seen
    ON seen.brand = bought.brand AND seen.customer = bought.customer AND seen.product = bought.product AND seen.time < bought.time
)
WHERE waited_us <= {window_days:UInt32} * 86400000000
GROUP BY brand, place, product
COMMENT 'webrooming(window_days = n): looked at online, bought in a store within n days';

-- Content that is at least `days` days old and that nobody engaged with for `days` days, with its touches. A touch
-- engages when the model in force gives its type a positive weight for a stage above attention (whatever the
-- conditions of the rule), or when it brings revenue. Without any engagement, last_engagement is NULL and
-- touches_since_engagement counts all touches.
CREATE VIEW zombies
AS WITH
    (
        SELECT groupUniqArray(toString(type))
        FROM model_weights FINAL
        WHERE model = (SELECT model FROM model_in_force) AND weight > 0 AND stage NOT IN ('none', 'attention')
    ) AS engaging,
    arrayMap(_ -> 1, engaging) AS yes,
    toUnixTimestamp64Micro(now64(6)) - {days:UInt32} * 86400000000 AS from_us
SELECT
    brand,
    content,
    first_seen,
    last_seen,
    touches,
    last_engagement,
    touches_since_engagement,
    CAST(toUnixTimestamp64Micro(last_seen) >= from_us, 'Bool') AS still_published
FROM
(
    SELECT
        brand,
        content,
        min(time) AS first_seen,
        max(time) AS last_seen,
        count() AS touches,
        maxOrNullIf(time, engaged) AS last_engagement,
        arrayCount(t -> last_engagement IS NULL OR t > last_engagement, groupArray(time)) AS touches_since_engagement
    FROM
    (
        SELECT
            brand,
            content,
            time,
            transform(type, engaging, yes, 0) OR transform(concat('*.', substringIndex(type, '.', -1)), engaging, yes, 0) OR ifNull(revenue > 0, false) AS engaged
        FROM touchpoints
        WHERE content != ''
    )
    GROUP BY brand, content
    HAVING toUnixTimestamp64Micro(first_seen) <= from_us
        AND (last_engagement IS NULL OR toUnixTimestamp64Micro(assumeNotNull(last_engagement)) < from_us)
)
COMMENT 'zombies(days = n): content without engagement for n days';

-- Customers who are at the target's stage now, or at a higher one, and who have at least one touch on its channel; an
-- empty channel stands for any. The newest row of targets counts for each key; one of 0 customers ends the target.
CREATE VIEW target_progress
AS SELECT
    t.brand AS brand,
    t.stage AS stage,
    t.channel AS channel,
    t.due AS due,
    any(t.customers) AS target,
    sumIf(n.customers, n.position >= CAST(t.stage, 'Int8')) AS actual,
    actual / target AS progress,
    dateDiff('day', toDate(now('UTC')), t.due) AS days_left,
    any(t.note) AS note,
    any(t.set_at) AS set_at
FROM (SELECT brand, stage, channel, due, customers, note, set_at FROM targets FINAL WHERE customers > 0) AS t
LEFT JOIN
(
    SELECT
        brand,
        position,
        arrayJoin(arrayConcat([''], arrayFilter(
            (channel, touches) -> touches > 0,
            ['social', 'web', 'store', 'support', 'direct', 'other'],
            [touches_social, touches_web, touches_store, touches_support, touches_direct, touches_other]))) AS channel,
        count() AS customers
    FROM standings
    WHERE position > 0
    GROUP BY brand, position, channel
) AS n ON n.brand = t.brand AND n.channel = t.channel
GROUP BY t.brand, t.stage, t.channel, t.due
COMMENT 'Targets, and how far each is reached now; one that was set to 0 customers has ended';

-- Touches of types that the model in force does not know: no rule names the type, exactly or as *.verb, and the model
-- does not list it as neutral. Such touches are stored and counted, and give no evidence. Identity events are no
-- touches.
CREATE VIEW unmapped_types
AS WITH
    (SELECT groupUniqArray(toString(type)) FROM model_weights FINAL WHERE model = (SELECT model FROM model_in_force)) AS known,
    arrayMap(_ -> 1, known) AS yes
SELECT
    type,
    substringIndex(type, '.', 1) AS area,
    uniqExact(brand) AS brands,
    count() AS touches,
    uniqExact(customer) AS customers,
    min(time) AS first_seen,
    max(time) AS last_seen
FROM touchpoints
WHERE NOT transform(type, known, yes, 0) AND NOT transform(concat('*.', substringIndex(type, '.', -1)), known, yes, 0)
GROUP BY type
COMMENT 'Types of touches that no rule of the model in force knows';
