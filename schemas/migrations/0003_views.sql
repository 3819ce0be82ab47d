-- Views for analysts. Every view looks up the customer at query time, so a link of handles that is found late, or
-- withdrawn, applies to all of history. A customer holds a stage while the stage's score is at least its threshold, to
-- a relative 1e-9:
--   lapse = 2025-01-01 + half-life * log2(E / (threshold * (1 - 1e-9))), with E as in the table evidence.

CREATE VIEW model_in_force
AS SELECT
    m.model AS model,
    m.channels AS channels,
    m.revenue AS revenue,
    s.half_lives AS half_lives,
    s.thresholds AS thresholds
FROM (SELECT model, channels, revenue FROM models ORDER BY sequence DESC LIMIT 1) AS m
INNER JOIN
(
    SELECT
        model,
        arrayMap(row -> row.2, arraySort(row -> row.1, groupArray((position, half_life_s)))) AS half_lives,
        arrayMap(row -> row.2, arraySort(row -> row.1, groupArray((position, threshold)))) AS thresholds
    FROM model_stages FINAL
    GROUP BY model
) AS s ON s.model = m.model
COMMENT 'The A-Path model that decides now: one row. Half-lives (seconds) and thresholds from attention to advocacy';

CREATE VIEW customers
AS SELECT handle, any(kind) AS kind, argMax(customer, version) AS customer
FROM identity_map
GROUP BY handle
COMMENT 'Which customer each handle belongs to. A customer is named by the smallest of its handles';

-- What kept paths depend on beside interactions, moves of handles and the epoch: by brand the expiry that counts.
CREATE VIEW kept_expiries
AS SELECT CAST((groupArray(toString(brand)), groupArray(concat(toString(last), ' ', toString(horizon)))), 'Map(String, String)') AS expired
FROM (SELECT brand, max(number) AS last, max(horizon) AS horizon FROM expiries GROUP BY brand)
COMMENT 'The expiry of each brand that counts, as kept paths note it: one row';

-- Whether kept paths can be taken at all, and the customers of whom they cannot: those with an interaction or a moved handle since the
-- mark, and those who had the handle before; a name that nobody has any more does no harm. It is one value, and every query asks for it as (SELECT state FROM kept_state): ClickHouse
-- computes a subquery of the same text once in a query, so all parts of it hold the same customers for stale. Where they
-- are too many, nothing kept is taken: then the definition costs as much.
CREATE VIEW kept_state
AS WITH
    (SELECT model FROM model_in_force) AS model_now,
    (SELECT expired FROM kept_expiries) AS expired_now,
    (
        SELECT (
            countIf(model = model_now) > 0 AND argMaxIf(epoch, number, model = model_now) = max(epoch)
                AND arrayAll((brand, last) -> argMaxIf(expired, number, model = model_now)[brand] = last, mapKeys(expired_now), mapValues(expired_now)),
            argMaxIf(offsets, number, model = model_now),
            argMaxIf(version, number, model = model_now))
        FROM kept_marks
    ) AS mark
SELECT (mark.1 AND count() <= 200000, if(count() > 200000, [], groupArray(customer))) AS state
FROM
(
    SELECT DISTINCT customer FROM
    (
        SELECT arrayJoin([customer, previous]) AS customer FROM identity_map
        WHERE mark.1 AND (version > mark.3 OR handle IN (SELECT handle FROM interactions WHERE mark.1 AND _offset >= mark.2[_partition]))
        UNION ALL
        SELECT customer FROM kept_paths
        WHERE mark.1 AND model = model_now
            AND arrayExists(member -> member IN (SELECT sipHash64(handle) FROM identity_map WHERE mark.1 AND version > mark.3), members)
    )
    LIMIT 200001
)
COMMENT 'Whether kept paths are taken, and of which customers they are not: one row';

CREATE VIEW stale_handles
AS SELECT handle
FROM identity_map
WHERE customer IN (SELECT arrayJoin((SELECT state FROM kept_state).2))
COMMENT 'Handles that are, or were, of the customers whose kept path is not right';

-- Here and below, functions from string to string look up what a type implies (channel, sign of revenue): ClickHouse
-- evaluates those once per type (LowCardinality) instead of once per row.
CREATE VIEW touchpoints
AS WITH
    (SELECT channels FROM model_in_force) AS channel_of,
    (SELECT revenue FROM model_in_force) AS sign_of
SELECT
    i.brand AS brand,
    c.customer AS customer,
    i.time AS time,
    i.type AS type,
    transform(substringIndex(i.type, '.', 1), mapKeys(channel_of), mapValues(channel_of), 'other') AS channel,
    CAST(channel = 'store', 'Bool') AS offline,
    i.content AS content,
    i.product AS product,
    i.place AS place,
    i.campaign AS campaign,
    i.device AS device,
    i.amount AS amount,
    i.currency AS currency,
    if((transform(i.type, mapKeys(sign_of), mapValues(sign_of),
        transform(concat('*.', substringIndex(i.type, '.', -1)), mapKeys(sign_of), mapValues(sign_of), toInt8(0))) AS counted) < 0,
        abs(i.amount), i.amount) * counted AS revenue,
    i.rating AS rating,
    i.sentiment AS sentiment,
    i.cause AS cause,
    i.source AS source,
    i.id AS id,
    i.event AS event,
    i.handle AS handle,
    i.handles AS handles,
    i.kinds AS kinds,
    i.properties AS properties
FROM interactions_kept AS i
INNER JOIN customers AS c ON c.handle = i.handle
WHERE NOT startsWith(i.type, 'identity.')
COMMENT 'Interactions with customer, channel and revenue: the place to start from';

-- What expired touches gave, by the model in force, as touchpoints has it of the others. A row is some touches of one type.
CREATE VIEW expired_touches
AS WITH
    (SELECT channels FROM model_in_force) AS channel_of,
    (SELECT revenue FROM model_in_force) AS sign_of
SELECT
    brand,
    handle,
    type,
    transform(substringIndex(type, '.', 1), mapKeys(channel_of), mapValues(channel_of), 'other') AS channel,
    touches,
    multiIf(
        (transform(type, mapKeys(sign_of), mapValues(sign_of),
            transform(concat('*.', substringIndex(type, '.', -1)), mapKeys(sign_of), mapValues(sign_of), toInt8(0))) AS sign) > 0, amounts,
        sign < 0, mapApply((k, v) -> (k, -v), absolute),
        CAST(map(), 'Map(String, Decimal(38, 4))')) AS revenue,
    first_seen,
    last_seen,
    horizon
FROM carried_touches
WHERE number IN (SELECT max(number) FROM expiries GROUP BY brand)
COMMENT 'Expired touches by handle and type: how many, what they brought, when the first and the last was';

CREATE VIEW touches_by_minute
AS WITH (SELECT channels FROM model_in_force) AS channel_of
SELECT
    brand,
    minute,
    transform(substringIndex(type, '.', 1), mapKeys(channel_of), mapValues(channel_of), 'other') AS channel,
    type,
    sum(touches) AS touches
FROM minute_counts
GROUP BY brand, minute, type
COMMENT 'Interactions per brand, minute of event time, channel and type';

-- `grown` is what the rule adds to E, the sum in the table evidence: weight * 2^((time - 2025-01-01) / half-life). What
-- expired interactions weigh at the horizon of their brand is one act of that weight at that instant, whose event is 0.
CREATE VIEW touch_evidence
AS SELECT
    i.event AS event,
    i.brand AS brand,
    i.handle AS handle,
    i.time AS time,
    i.type AS type,
    w.stage AS stage,
    w.position AS position,
    w.weight AS weight,
    w.half_life_s AS half_life_s,
    w.rule AS rule,
    w.weight * exp2((toUnixTimestamp64Micro(i.time) - 1735689600000000) / (w.half_life_s * 1000000)) AS grown,
    i._partition AS _partition,
    i._offset AS _offset
FROM interactions_kept AS i
INNER JOIN
(
    SELECT
        t.type AS type,
        s.position AS position,
        s.half_life_s AS half_life_s,
        r.stage AS stage,
        r.rule AS rule,
        r.weight AS weight,
        r.rating_min AS rating_min,
        r.rating_max AS rating_max,
        r.sentiment_min AS sentiment_min,
        r.sentiment_max AS sentiment_max,
        r.amount_min AS amount_min,
        r.amount_max AS amount_max,
        r.mood AS mood,
        r.negative_sentiment AS negative_sentiment,
        r.negative_rating AS negative_rating
    FROM (SELECT DISTINCT type FROM interactions WHERE NOT startsWith(type, 'identity.')) AS t
    CROSS JOIN (SELECT stage, rule, weight, rating_min, rating_max, sentiment_min, sentiment_max, amount_min, amount_max, mood, negative_sentiment, negative_rating, type AS pattern FROM model_weights FINAL WHERE model = {model:String} AND weight != 0) AS r
    INNER JOIN (SELECT stage, position, half_life_s FROM model_stages FINAL WHERE model = {model:String}) AS s ON s.stage = r.stage
    WHERE r.pattern = t.type OR r.pattern = concat('*.', splitByChar('.', t.type)[2])
) AS w ON w.type = i.type
WHERE (w.rating_min IS NULL OR i.rating >= w.rating_min) AND (w.rating_max IS NULL OR i.rating <= w.rating_max)
    AND (w.sentiment_min IS NULL OR i.sentiment >= w.sentiment_min) AND (w.sentiment_max IS NULL OR i.sentiment <= w.sentiment_max)
    AND (w.amount_min IS NULL OR toFloat64(i.amount) >= w.amount_min) AND (w.amount_max IS NULL OR toFloat64(i.amount) <= w.amount_max)
    AND (w.mood = '' OR (w.mood = 'negative') = (ifNull(i.sentiment <= w.negative_sentiment, false) OR ifNull(i.rating <= w.negative_rating, false)))
UNION ALL
SELECT
    toUInt128(0) AS event,
    e.brand AS brand,
    e.handle AS handle,
    e.horizon AS time,
    toLowCardinality('') AS type,
    e.stage AS stage,
    s.position AS position,
    e.weight AS weight,
    s.half_life_s AS half_life_s,
    toUInt16(0) AS rule,
    e.weight * exp2((toUnixTimestamp64Micro(e.horizon) - 1735689600000000) / (s.half_life_s * 1000000)) AS grown,
    e._partition AS _partition,
    e._offset AS _offset
FROM
(
    SELECT brand, handle, stage, horizon, arrayJoin(if(lost != 0, [gained, lost], [gained])) AS weight, _partition, _offset
    FROM carried_evidence
    WHERE number IN (SELECT max(number) FROM expiries GROUP BY brand)
) AS e
INNER JOIN (SELECT stage, position, half_life_s FROM model_stages FINAL WHERE model = {model:String}) AS s ON s.stage = e.stage
COMMENT 'touch_evidence(model = hash): each interaction with each rule of that model that counts it';

CREATE VIEW evidence_recomputed
AS SELECT
    brand,
    handle,
    sumOrNullIf(grown, position = 1) AS attention,
    sumOrNullIf(grown, position = 2) AS attraction,
    sumOrNullIf(grown, position = 3) AS affinity,
    sumOrNullIf(grown, position = 4) AS audience,
    sumOrNullIf(grown, position = 5) AS advocacy
FROM touch_evidence(model = {model:String})
GROUP BY brand, handle
COMMENT 'evidence_recomputed(model = hash): the sums of the table evidence, from interactions and what is kept of expired ones';

-- A touch dated ahead counts only from its own time on. For handles that have such touches the view therefore
-- recomputes the sums from the touches up to now; there are few, since touches are dated ahead by a day at most. The
-- instant `now_at` is a scalar subquery, so that it has one value everywhere in the query. The last day that a
-- DateTime64 can hold is 2299-12-31, and a later lapse is shown as that day. Revenue leaves out currencies whose sum
-- is 0.
CREATE VIEW standings
AS WITH
    (SELECT model FROM model_in_force) AS model_now,
    (SELECT half_lives FROM model_in_force) AS half_lives,
    (SELECT thresholds FROM model_in_force) AS thresholds,
    (SELECT channels FROM model_in_force) AS channel_of,
    (SELECT revenue FROM model_in_force) AS sign_of,
    assumeNotNull((SELECT now64(6))) AS now_at,
    toUnixTimestamp64Micro(now_at) AS now_us
SELECT
    brand,
    customer,
    arrayMax(arrayMap((lapse, position) -> if(lapse >= now_us, position, 0), lapses_us, range(1, 6))) AS position,
    CAST(position, 'Enum8(\'none\' = 0, \'attention\' = 1, \'attraction\' = 2, \'affinity\' = 3, \'audience\' = 4, \'advocacy\' = 5)') AS stage,
    arrayMap((e, h) -> e * exp2(-(now_us - 1735689600000000) / (h * 1000000)), sums, half_lives) AS scores,
    if(position > 0, fromUnixTimestamp64Micro(lapses_us[position], 'UTC'), NULL) AS lapses_at,
    first_seen,
    last_seen,
    touches,
    touches_social,
    touches_web,
    touches_store,
    touches_support,
    touches_direct,
    touches_other,
    revenue
FROM
(
    SELECT
        e.brand AS brand,
        c.customer AS customer,
        [sum(e.attention), sum(e.attraction), sum(e.affinity), sum(e.audience), sum(e.advocacy)] AS sums,
        arrayMap(
            (s, h, t) -> if(ifNull(s, 0) > 0, toInt64(least(1735689600000000 + floor(h * 1000000 * log2(assumeNotNull(s) / (t * (1 - 1e-9)))), toFloat64(10413791999000000))), toInt64(-9223372036854775807)),
            sums, half_lives, thresholds) AS lapses_us,
        min(e.first_seen) AS first_seen,
        max(e.last_seen) AS last_seen,
        sum(e.touches_social) AS touches_social,
        sum(e.touches_web) AS touches_web,
        sum(e.touches_store) AS touches_store,
        sum(e.touches_support) AS touches_support,
        sum(e.touches_direct) AS touches_direct,
        sum(e.touches_other) AS touches_other,
        touches_social + touches_web + touches_store + touches_support + touches_direct + touches_other AS touches,
        mapFilter((k, v) -> v != 0, sumMap(e.revenue)) AS revenue
    FROM
    (
        SELECT
            brand, handle, attention, attraction, affinity, audience, advocacy,
            CAST(first_seen, 'DateTime64(6, \'UTC\')') AS first_seen, CAST(last_seen, 'DateTime64(6, \'UTC\')') AS last_seen,
            touches_social, touches_web, touches_store, touches_support, touches_direct, touches_other, revenue
        FROM evidence
        WHERE model = model_now AND (brand, handle) NOT IN (SELECT brand, handle FROM interactions WHERE time > now_at AND NOT startsWith(type, 'identity.'))
        UNION ALL
        SELECT
            t.brand AS brand, t.handle AS handle, t.grown[1] AS attention, t.grown[2] AS attraction, t.grown[3] AS affinity, t.grown[4] AS audience, t.grown[5] AS advocacy,
            t.time AS first_seen, t.time AS last_seen,
            toUInt64(t.channel = 'social') AS touches_social, toUInt64(t.channel = 'web') AS touches_web, toUInt64(t.channel = 'store') AS touches_store,
            toUInt64(t.channel = 'support') AS touches_support, toUInt64(t.channel = 'direct') AS touches_direct, toUInt64(t.channel = 'other') AS touches_other,
            if(ifNull(t.money, 0) = 0, map(), map(toString(t.currency), CAST(ifNull(t.money, 0), 'Decimal(38, 4)'))) AS revenue
        FROM
        (
            WITH
                (
                    SELECT groupArray((r.position, r.half_life_s, r.type, r.weight, r.rating_min, r.rating_max, r.sentiment_min, r.sentiment_max, r.amount_min, r.amount_max,
                        r.mood, r.negative_sentiment, r.negative_rating))
                    FROM
                    (
                        SELECT s.position AS position, s.half_life_s AS half_life_s, toString(w.type) AS type, w.weight AS weight, w.rating_min AS rating_min, w.rating_max AS rating_max,
                            w.sentiment_min AS sentiment_min, w.sentiment_max AS sentiment_max, w.amount_min AS amount_min, w.amount_max AS amount_max,
                            w.mood AS mood, w.negative_sentiment AS negative_sentiment, w.negative_rating AS negative_rating
                        FROM (SELECT * FROM model_weights FINAL WHERE model = (SELECT model FROM model_in_force) AND weight != 0) AS w
                        INNER JOIN (SELECT stage, position, half_life_s FROM model_stages FINAL WHERE model = (SELECT model FROM model_in_force)) AS s ON s.stage = w.stage
                    ) AS r
                ) AS rules,
                substringIndex(type, '.', -1) AS verb,
                arrayFilter(r -> (r.3 = toString(type) OR r.3 = concat('*.', verb))
                    AND (r.5 IS NULL OR ifNull(rating >= r.5, false)) AND (r.6 IS NULL OR ifNull(rating <= r.6, false))
                    AND (r.7 IS NULL OR ifNull(sentiment >= r.7, false)) AND (r.8 IS NULL OR ifNull(sentiment <= r.8, false))
                    AND (r.9 IS NULL OR ifNull(toFloat64(amount) >= r.9, false)) AND (r.10 IS NULL OR ifNull(toFloat64(amount) <= r.10, false))
                    AND (r.11 = '' OR (r.11 = 'negative') = (ifNull(sentiment <= r.12, false) OR ifNull(rating <= r.13, false))), rules) AS hits
            SELECT
                brand, handle, time, currency,
                arrayMap(p -> if(arrayExists(r -> r.1 = p, hits),
                    arraySum(r -> if(r.1 = p, r.4 * exp2((toUnixTimestamp64Micro(time) - 1735689600000000) / (r.2 * 1000000)), 0.), hits), NULL), [1, 2, 3, 4, 5]) AS grown,
                transform(substringIndex(type, '.', 1), mapKeys(channel_of), mapValues(channel_of), 'other') AS channel,
                if((transform(type, mapKeys(sign_of), mapValues(sign_of),
                    transform(concat('*.', verb), mapKeys(sign_of), mapValues(sign_of), toInt8(0))) AS counted) < 0, abs(amount), amount) * counted AS money
            FROM interactions_kept
            WHERE (brand, handle) IN (SELECT brand, handle FROM interactions WHERE time > now_at AND NOT startsWith(type, 'identity.'))
                AND time <= now_at AND NOT startsWith(type, 'identity.')
        ) AS t
        UNION ALL
        SELECT
            brand, handle, if(stage = 'attention', weight, NULL) AS attention, if(stage = 'attraction', weight, NULL) AS attraction,
            if(stage = 'affinity', weight, NULL) AS affinity, if(stage = 'audience', weight, NULL) AS audience, if(stage = 'advocacy', weight, NULL) AS advocacy,
            toDateTime64('2299-12-31 00:00:00', 6, 'UTC') AS first_seen, toDateTime64('1900-01-01 00:00:00', 6, 'UTC') AS last_seen,
            toUInt64(0) AS touches_social, toUInt64(0) AS touches_web, toUInt64(0) AS touches_store,
            toUInt64(0) AS touches_support, toUInt64(0) AS touches_direct, toUInt64(0) AS touches_other, map() AS revenue
        FROM
        (
            SELECT brand, handle, toString(stage) AS stage,
                (gained + lost) * exp2((toUnixTimestamp64Micro(horizon) - 1735689600000000)
                    / (half_lives[indexOf(['attention', 'attraction', 'affinity', 'audience', 'advocacy'], stage)] * 1000000)) AS weight
            FROM carried_evidence
            WHERE number IN (SELECT max(number) FROM expiries GROUP BY brand)
                AND (brand, handle) IN (SELECT brand, handle FROM interactions WHERE time > now_at AND NOT startsWith(type, 'identity.'))
        )
        UNION ALL
        SELECT
            brand, handle, NULL AS attention, NULL AS attraction, NULL AS affinity, NULL AS audience, NULL AS advocacy, first_seen, last_seen,
            if(channel = 'social', touches, 0) AS touches_social, if(channel = 'web', touches, 0) AS touches_web, if(channel = 'store', touches, 0) AS touches_store,
            if(channel = 'support', touches, 0) AS touches_support, if(channel = 'direct', touches, 0) AS touches_direct, if(channel = 'other', touches, 0) AS touches_other,
            revenue
        FROM expired_touches
        WHERE (brand, handle) IN (SELECT brand, handle FROM interactions WHERE time > now_at AND NOT startsWith(type, 'identity.'))
    ) AS e
    INNER JOIN customers AS c ON c.handle = e.handle
    GROUP BY e.brand, c.customer
)
COMMENT 'Where every customer stands now, from the sums; the quick part of journeys';

-- The path of every customer by any model, from interactions up to `until` and lapses before `now`: one row per change
-- of stage. Interactions of the same microsecond count together, whatever their order. Two stages that lapse at the
-- same instant are one change. A lapse is dated with the last microsecond of the old stage. The running sums are RANGE
-- windows, since those include all rows of the same time; only one row of each time is passed on, because the next
-- window would order rows of the same time arbitrarily. A sum based on 2025-01-01 leaves the range of a float for
-- times more than a thousand half-lives earlier, so time is cut into eras of 900 of the shortest half-life, each with
-- a base of its own; interactions of an earlier era count in later eras too. With half-lives of a month, all times
-- from 1951 on are one era. What has expired comes into the
-- path at the horizon, with the reason retention, and so does an interaction from before it that came late.
CREATE VIEW stage_steps_of
AS WITH
    (SELECT arrayMap(row -> row.2, arraySort(groupArray((position, half_life_s)))) FROM model_stages FINAL WHERE model = {model:String}) AS half_lives,
    (SELECT arrayMap(row -> row.2, arraySort(groupArray((position, threshold)))) FROM model_stages FINAL WHERE model = {model:String}) AS thresholds,
    assumeNotNull((SELECT toInt64(min(half_life_s) * 900000000) FROM model_stages FINAL WHERE model = {model:String})) AS era_us,
    (SELECT (groupArray(toString(brand)), groupArray(toUnixTimestamp64Micro(horizon))) FROM horizons) AS horizons,
    toUnixTimestamp64Micro({now:DateTime64(6, 'UTC')}) AS now_us
SELECT
    brand,
    customer,
    fromUnixTimestamp64Micro(step.1, 'UTC') AS at,
    CAST(step.2, 'Enum8(\'none\' = 0, \'attention\' = 1, \'attraction\' = 2, \'affinity\' = 3, \'audience\' = 4, \'advocacy\' = 5)') AS from_stage,
    CAST(step.3, 'Enum8(\'none\' = 0, \'attention\' = 1, \'attraction\' = 2, \'affinity\' = 3, \'audience\' = 4, \'advocacy\' = 5)') AS to_stage,
    multiIf(step.4 = 1, 'lapse', NOT arrayExists(type -> type != '', types), 'retention', 'evidence') AS reason,
    if(step.4 = 1, [], arraySort(arrayFilter(type -> type != '', types))) AS types
FROM
(
    SELECT
        brand,
        customer,
        types,
        arrayJoin(arrayFilter(s -> s.2 != s.3, arrayConcat(
            if(time_us >= begin_us, [(time_us, before, here, 0)], []),
            arrayMap(
                l -> (l, multiIf(l5 >= l, 5, l4 >= l, 4, l3 >= l, 3, l2 >= l, 2, 1), multiIf(l5 > l, 5, l4 > l, 4, l3 > l, 3, l2 > l, 2, l1 > l, 1, 0), 1),
                arrayDistinct(arrayFilter(l -> l >= greatest(time_us, begin_us) AND l < until_us, [l1, l2, l3, l4, l5])))))) AS step
    FROM
    (
        SELECT
            *,
            lagInFrame(after, 1, 0) OVER (PARTITION BY brand, customer, era ORDER BY time_us ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
        FROM
        (
            SELECT
                brand,
                customer,
                era,
                time_us,
                types,
                begin_us,
                greatest(least(next_us, now_us, end_us), time_us) AS until_us,
                if(e1 > 0, toInt64(base_us + floor(half_lives[1] * 1000000 * log2(e1 / (thresholds[1] * (1 - 1e-9))))), toInt64(-9223372036854775807)) AS l1,
                if(e2 > 0, toInt64(base_us + floor(half_lives[2] * 1000000 * log2(e2 / (thresholds[2] * (1 - 1e-9))))), toInt64(-9223372036854775807)) AS l2,
                if(e3 > 0, toInt64(base_us + floor(half_lives[3] * 1000000 * log2(e3 / (thresholds[3] * (1 - 1e-9))))), toInt64(-9223372036854775807)) AS l3,
                if(e4 > 0, toInt64(base_us + floor(half_lives[4] * 1000000 * log2(e4 / (thresholds[4] * (1 - 1e-9))))), toInt64(-9223372036854775807)) AS l4,
                if(e5 > 0, toInt64(base_us + floor(half_lives[5] * 1000000 * log2(e5 / (thresholds[5] * (1 - 1e-9))))), toInt64(-9223372036854775807)) AS l5,
                multiIf(l5 >= time_us, 5, l4 >= time_us, 4, l3 >= time_us, 3, l2 >= time_us, 2, l1 >= time_us, 1, 0) AS here,
                multiIf(l5 >= until_us, 5, l4 >= until_us, 4, l3 >= until_us, 3, l2 >= until_us, 2, l1 >= until_us, 1, 0) AS after
            FROM
            (
                SELECT
                    brand,
                    customer,
                    era,
                    time_us,
                    1735689600000000 + era * era_us AS base_us,
                    base_us - era_us AS begin_us,
                    if(era = 0, toInt64(9223372036854775807), base_us) AS end_us,
                    groupUniqArray(type) OVER (PARTITION BY brand, customer, era ORDER BY time_us RANGE BETWEEN CURRENT ROW AND CURRENT ROW) AS types,
                    leadInFrame(time_us, 1, toInt64(9223372036854775807)) OVER (PARTITION BY brand, customer, era ORDER BY time_us ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next_us,
                    sumIf(grown, position = 1) OVER past AS e1,
                    sumIf(grown, position = 2) OVER past AS e2,
                    sumIf(grown, position = 3) OVER past AS e3,
                    sumIf(grown, position = 4) OVER past AS e4,
                    sumIf(grown, position = 5) OVER past AS e5
                FROM
                (
                    SELECT
                        v.brand AS brand,
                        c.customer AS customer,
                        toUnixTimestamp64Micro(v.time) AS happened_us,
                        greatest(happened_us, transform(toString(v.brand), horizons.1, horizons.2, toInt64(-9223372036854775807))) AS time_us,
                        if(happened_us < time_us, '', toString(v.type)) AS type,
                        v.position AS position,
                        arrayJoin(range(least(toInt64(floor((time_us - 1735689600000000) / era_us)) + 1, toInt64(0)), toInt64(1))) AS era,
                        v.weight * exp2((happened_us - 1735689600000000 - era * era_us) / (v.half_life_s * 1000000)) AS grown
                    FROM touch_evidence(model = {model:String}) AS v
                    INNER JOIN customers AS c ON c.handle = v.handle
                    WHERE (v.time <= {until:DateTime64(6, 'UTC')}
                        OR throwIf(v.event = 0 AND v.time > {until:DateTime64(6, 'UTC')}, 'Interactions up to the horizon of this brand have expired (see the view horizons): ask for an instant after it'))
                        AND ({stale:UInt8} = 0 OR NOT (SELECT state FROM kept_state).1 OR v.handle IN (SELECT handle FROM stale_handles))
                        AND ({stale:UInt8} = 0 OR NOT (SELECT state FROM kept_state).1 OR c.customer IN (SELECT arrayJoin((SELECT state FROM kept_state).2)))
                        AND ({slices:UInt32} = 1 OR v.handle IN (SELECT handle FROM customers WHERE intHash64(customer) % {slices:UInt32} = {slice:UInt32}))
                )
                WINDOW past AS (PARTITION BY brand, customer, era ORDER BY time_us RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            )
            WHERE next_us != time_us
        )
    )
    WHERE here != before OR after != here
)
COMMENT 'stage_steps_of(model, until, now, stale, slices, slice): stage_steps of everybody, or with stale = 1 of those whose kept path is not right; of one slice of customers';

CREATE VIEW stage_steps
AS SELECT *
FROM stage_steps_of(model = {model:String}, until = {until:DateTime64(6, 'UTC')}, now = {now:DateTime64(6, 'UTC')}, stale = 0, slices = 1, slice = 0)
COMMENT 'stage_steps(model = hash, until = time, now = time): each change of stage by that model, by interactions until then and by lapses before now';

-- A touch dated ahead counts from its own time on, as in standings. The path is taken as it is kept, but for customers of whom
-- it is not right any more: theirs is computed as stage_steps has it. A step by a lapse has happened after its instant, another at it.
CREATE VIEW stage_history
AS SELECT
    brand,
    customer,
    fromUnixTimestamp64Micro(step_us, 'UTC') AS at,
    CAST(stage_before, 'Enum8(\'none\' = 0, \'attention\' = 1, \'attraction\' = 2, \'affinity\' = 3, \'audience\' = 4, \'advocacy\' = 5)') AS from_stage,
    CAST(stage_after, 'Enum8(\'none\' = 0, \'attention\' = 1, \'attraction\' = 2, \'affinity\' = 3, \'audience\' = 4, \'advocacy\' = 5)') AS to_stage,
    why AS reason,
    step_types AS types
FROM
(
    SELECT brand, customer, at_us, before, after, reasons, types
    FROM kept_paths FINAL
    WHERE model = (SELECT model FROM model_in_force) AND (SELECT state FROM kept_state).1
        AND customer NOT IN (SELECT arrayJoin((SELECT state FROM kept_state).2))
)
ARRAY JOIN at_us AS step_us, before AS stage_before, after AS stage_after, reasons AS why, types AS step_types
WHERE step_us < toUnixTimestamp64Micro((SELECT now64(6))) + (why != 'lapse')
UNION ALL
SELECT brand, customer, at, from_stage, to_stage, reason, types
FROM stage_steps_of(model = (SELECT model FROM model_in_force), until = (SELECT now64(6)), now = (SELECT now64(6)), stale = 1, slices = 1, slice = 0)
COMMENT 'The exact path of every customer in event time: each change of stage, by an interaction or by lapse';
