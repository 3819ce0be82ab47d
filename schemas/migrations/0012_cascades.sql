-- Word of mouth: who brought whom, from the column `cause` of interactions alone. These are views, not tables. A tree
-- is a function of the set of interactions, so order, repeats, late causes, erasures and identity found late need no
-- code of their own, and nothing can drift. The views follow only events that name a cause, and events that are named
-- as one.
--
-- The cause of an event is looked for within its brand: first among ids of events, then in the property `share_code`.
-- Where several events match, the earliest counts; at the same time, the first by source and id. Order never depends
-- on a hash of them, since another handle key would change the hash. A link that its names and times do not support is
-- kept with its state, and joins nothing.
--
-- No cycle remains. An effect joins a cause that is older or of the same time. Clocks differ, so an effect may be
-- older than its cause; such a link counts only where the event that brought the cause is no younger than the effect.
-- So the way up through the causes never leads to a later time, and a cycle can only consist of events of the same
-- time; the first of those, by source and id, starts the cascade.

-- Events that others name as their cause, each with the cause that it names itself. The condition on ids alone comes
-- first: its set is smaller than that of (brand, id), and it leaves few rows to the second condition.
CREATE VIEW cascade_causes
AS SELECT brand, named, found.1 AS event, found.2 AS time, found.3 AS cause, found.4 AS handle, found.5 AS source, found.6 AS id
FROM
(
    SELECT brand, named, argMin((event, time, cause, handle, source, id), (is_code, time, source, id, event)) AS found
    FROM
    (
        SELECT brand, id AS named, 0 AS is_code, event, time, cause, handle, toString(source) AS source, id
        FROM interactions
        WHERE id IN (SELECT cause FROM interactions WHERE cause != '' AND NOT startsWith(type, 'identity.'))
            AND (brand, id) IN (SELECT brand, cause FROM interactions WHERE cause != '' AND NOT startsWith(type, 'identity.'))
            AND NOT startsWith(type, 'identity.')
        UNION ALL
        SELECT brand, JSONExtractString(properties, 'share_code') AS named, 1 AS is_code, event, time, cause, handle, toString(source) AS source, id
        FROM interactions
        WHERE position(properties, 'share_code') > 0 AND named != '' AND NOT startsWith(type, 'identity.')
    )
    GROUP BY brand, named
)
COMMENT 'Events that are named as a cause, by id or share code';

-- `lead_us` is by how much the effect is older than its cause; up to 5 minutes are attributed to clocks. A cause that
-- was never received is a node too, so that the events it brought stay together; its key is a hash of brand and name.
-- Events that name a cause, and the cause, meet under the name in one GROUP BY. Every event then writes two rows: one at
-- its own key that tells what brought it, and one at the key of its cause that asks what brought the cause. GROUP BY
-- answers again, in place of a join.
-- Chains of events of the same time are walked in rounds that double the distance, as in cascade_spine. An event whose
-- walk returns to the event itself, and meets none that precedes it by source and id, is the first of a cycle.
--
-- Three views have a recursion, in one form. ClickHouse reads a recursion from a view as its first part, and one step
-- over the rows of all rounds together: a step that mixes rounds is no step of a walk. Each step therefore hands the
-- rows of the round before on unchanged, with `is_kept`, and the view reads those alone. With `once`, a table of one row
-- that has no kept one, ClickHouse leaves the first part out, which it would otherwise compute twice.
CREATE VIEW cascade_edges
AS WITH RECURSIVE walked AS
(
    SELECT brand, event, told, apex, first, toUInt8(0) AS round, toUInt8(apex != 0) AS is_open, once.dummy AS is_kept
    FROM
    (
        SELECT
            brand,
            edge.1 AS event,
            toUnixTimestamp64Micro(edge.2) AS time_us,
            if(edge.6 = 0, reinterpretAsUInt128(MD5(concat(brand, '\0', edge.5))), edge.6) AS parent,
            edge.7 - time_us AS lead_us,
            above.2 - edge.7 AS cause_lead_us,
            multiIf(
                edge.6 = 0, 'missing',
                edge.6 = edge.1, 'self',
                lead_us > 300000000, 'early',
                lead_us <= 0, 'joined',
                above.1 = 0 OR above.1 = edge.6 OR cause_lead_us > 300000000 OR above.2 <= time_us, 'joined',
                'disordered') AS state,
            multiIf(
                state != 'joined', (toUInt128(0), '', ''),
                lead_us = 0, (edge.6, edge.9, edge.10),
                lead_us > 0 AND above.1 != 0 AND above.1 != edge.6 AND above.2 = time_us, (above.1, above.3, above.4),
                (toUInt128(0), '', '')) AS beside,
            [(edge.2, toString(edge.3), edge.4, edge.5, parent, edge.8, lead_us, cause_lead_us, state, edge.11, edge.12)] AS told,
            beside.1 AS apex,
            (beside.2, beside.3, beside.1) AS first
        FROM
        (
            SELECT
                brand,
                ask.1 AS at,
                groupArrayIf((effect.1, effect.2, effect.3, effect.4, effect.5, found.1, cause_us, found.4, found.5, found.6, effect.6, effect.7), ask.2) AS edges,
                anyIf((found.1, cause_us, found.5, found.6), NOT ask.2) AS above
            FROM
            (
                SELECT
                    brand,
                    found,
                    toUnixTimestamp64Micro(found.2) AS cause_us,
                    effect,
                    arrayJoin([(effect.1, false), (if(found.1 = 0, effect.1, found.1), true)]) AS ask
                FROM
                (
                    SELECT
                        brand,
                        named,
                        anyIf((event, time, cause, handle, source, id), is_cause) AS found,
                        groupArrayIf((event, time, type, handle, cause, source, id), NOT is_cause) AS effects
                    FROM
                    (
                        SELECT brand, cause AS named, false AS is_cause, event, time, type, handle, cause, toString(source) AS source, id
                        FROM interactions
                        WHERE cause != '' AND NOT startsWith(type, 'identity.')
                        UNION ALL
                        SELECT brand, named, true AS is_cause, event, time, '' AS type, handle, cause, source, id
                        FROM cascade_causes
                    )
                    GROUP BY brand, named
                    HAVING notEmpty(effects)
                )
                ARRAY JOIN effects AS effect
            )
            GROUP BY brand, at
        )
        ARRAY JOIN edges AS edge
    ) AS begun
    CROSS JOIN system.one AS once
    UNION ALL
    SELECT brand, row.1, row.2, row.3, row.4, row.5, toUInt8(NOT row.6 AND bitShiftLeft(toUInt64(1), row.5) < countIf(NOT row.6) OVER ()), row.6
    FROM
    (
        SELECT
            brand,
            tell.1 AS at,
            anyIf(apex, tell.2 = 'answer') AS further,
            anyIf(first, tell.2 = 'answer') AS first_there,
            arrayConcat(
                if(further = 0, [], arrayMap(
                    ask -> (ask.1, CAST([], 'Array(Tuple(DateTime64(6, \'UTC\'), String, UInt64, String, UInt128, UInt64, Int64, Int64, String, String, String))'),
                        further, if(ask.2 < first_there, ask.2, first_there), toUInt8(ask.3 + 1), toUInt8(0)),
                    groupArrayIf((event, first, round), tell.2 = 'ask'))),
                groupArrayIf((event, told, apex, first, round, toUInt8(1)), tell.2 = 'keep')) AS rows
        FROM
        (
            SELECT brand, event, told, apex, first, round,
                arrayJoin(if(is_open AND round < 24, [(event, 'answer'), (apex, 'ask'), (event, 'keep')], [(event, 'keep')])) AS tell
            FROM walked
            WHERE NOT is_kept
        )
        GROUP BY brand, at
    )
    ARRAY JOIN rows AS row
)
SELECT
    brand,
    event,
    edge.1 AS time,
    edge.2 AS type,
    edge.3 AS handle,
    edge.4 AS cause,
    edge.5 AS parent,
    edge.6 AS parent_handle,
    edge.7 AS lead_us,
    edge.8 AS cause_lead_us,
    if(last = (edge.10, edge.11, event), 'disordered', edge.9) AS state,
    CAST(state IN ('joined', 'missing'), 'Bool') AS counts
FROM
(
    SELECT brand, event, argMin(told, round)[1] AS edge, argMax(first, round) AS last
    FROM walked
    WHERE is_kept
    GROUP BY brand, event
)
COMMENT 'Every interaction that names a cause, and whether that holds: joined, missing, self, early or disordered';

-- Each round doubles how far every node has looked up, so 17 rounds find the root of a chain of 131,072 events; for a
-- longer chain, the result is the ancestor that many generations up. A round that finds nothing new is the last. Only
-- nodes that brought something are walked, and only in memory: interactions are read for the first round alone. In
-- each round every node writes two rows: one at its own key, with how far it has looked, and one at the key of its
-- apex (the highest ancestor found so far), which asks how far that has looked. If the rounds were joined with
-- themselves, ClickHouse 26 would compute the first round once for each side. The recursion is a view of its own and
-- is read once: ClickHouse gives wrong results where a view reads a recursion in two branches of a UNION.
CREATE VIEW cascade_spine
AS WITH RECURSIVE climbed AS
(
    SELECT brand, node, if(above = 0, node, above) AS apex, toUInt32(above != 0) AS hops, toUInt8(0) AS round, brought, toUInt8(1) AS is_open, once.dummy AS is_kept
    FROM
    (
        SELECT brand, pair.1 AS node, max(pair.2) AS above, arraySort(groupArrayIf(pair.3, pair.3 != 0)) AS brought
        FROM (SELECT brand, arrayJoin([(event, parent, toUInt128(0)), (parent, toUInt128(0), event)]) AS pair FROM cascade_edges WHERE counts)
        GROUP BY brand, node
        HAVING notEmpty(brought)
    ) AS begun
    CROSS JOIN system.one AS once
    UNION ALL
    SELECT brand, row.1, row.2, row.3, row.4, row.5, toUInt8(max(NOT row.6 AND at != row.2) OVER ()), row.6
    FROM
    (
        SELECT
            brand,
            tell.1 AS at,
            anyIf(apex, tell.2 = 'answer') AS higher,
            anyIf(hops, tell.2 = 'answer') AS further,
            arrayConcat(
                arrayMap(ask -> (ask.1, higher, toUInt32(ask.2 + further), toUInt8(ask.3 + 1), CAST([], 'Array(UInt128)'), toUInt8(0)),
                    groupArrayIf((node, hops, round), tell.2 = 'ask')),
                groupArrayIf((node, apex, hops, round, brought, toUInt8(1)), tell.2 = 'keep')) AS rows
        FROM
        (
            SELECT brand, node, apex, hops, round, brought, arrayJoin(arrayConcat(
                if(is_open AND round < 17, [(node, 'answer'), (apex, 'ask')], []),
                if(round = 0 OR NOT is_open OR round = 17, [(node, 'keep')], []))) AS tell
            FROM climbed
            WHERE NOT is_kept
        )
        GROUP BY brand, at
    )
    ARRAY JOIN rows AS row
)
SELECT brand, node AS event, argMax(apex, round) AS root, argMax(hops, round) AS generation, argMin(brought, round) AS brought
FROM climbed
WHERE is_kept
GROUP BY brand, node
COMMENT 'Events that brought others, with their root and generation; the root is generation 0';

CREATE VIEW cascade_nodes
AS SELECT brand, root, place.1 AS event, place.2 AS parent, place.3 AS generation
FROM
(
    SELECT
        brand,
        root,
        arrayConcat(
            if(generation = 0, [(event, toUInt128(0), toUInt32(0))], []),
            arrayMap(e -> (e, event, toUInt32(generation + 1)), brought)) AS places
    FROM cascade_spine
)
ARRAY JOIN places AS place
COMMENT 'Every event of every cascade, with its root and generation; the root is generation 0';

-- Every touch that belongs to a cascade, with its customer. The start of a cascade has no row when its event was never
-- received.
CREATE VIEW cascade_touches
AS SELECT
    n.brand AS brand,
    n.root AS root,
    n.generation AS generation,
    n.parent AS parent,
    t.event AS event,
    t.id AS id,
    t.cause AS cause,
    t.time AS time,
    t.customer AS customer,
    t.type AS type,
    t.channel AS channel,
    t.content AS content,
    t.product AS product,
    t.place AS place,
    t.revenue AS revenue,
    t.currency AS currency
FROM touchpoints AS t
INNER JOIN cascade_nodes AS n ON n.event = t.event
COMMENT 'Touches of every cascade with generation and customer: start here for a tree';

-- A cascade reaches a customer with their first touch after the start, and the customer counts in the generation of
-- that touch alone. The cascade does not reach the customer who started it.
CREATE VIEW cascade_parts
AS SELECT
    brand,
    root,
    customer,
    CAST(max(t.generation = 0), 'Bool') AS starts,
    maxOrNullIf(t.time, t.generation = 0) AS started,
    argMinIf(t.generation, (t.time, t.generation), t.generation > 0) AS generation,
    minOrNullIf(t.time, t.generation > 0) AS reached_at,
    countIf(t.generation > 0) AS touches,
    CAST(countIf(t.generation > 0 AND ifNull(t.revenue > 0, false)) > 0, 'Bool') AS bought,
    mapFilter((k, v) -> v != 0, sumMap(if(t.generation = 0 OR ifNull(t.revenue, 0) = 0, map(), map(toString(t.currency), toDecimal128(assumeNotNull(t.revenue), 4))))) AS revenue,
    maxIf((t.id, t.type, t.content), t.generation = 0) AS start,
    minOrNullIf(t.cause, t.generation = 1) AS cause,
    max(t.generation) AS deepest,
    max(t.time) AS last_at
FROM cascade_touches AS t
GROUP BY brand, root, customer
COMMENT 'What each customer did in each cascade: what cascades and cascade_customers stand on';

CREATE VIEW cascade_customers
AS SELECT
    brand,
    root,
    customer,
    starts,
    generation,
    reached_at,
    max(started) OVER (PARTITION BY brand, root) AS started_at,
    touches,
    bought,
    revenue
FROM cascade_parts
COMMENT 'Customers of every cascade: who started it, who was reached, when, in which generation, and what they brought';

CREATE VIEW cascades
AS SELECT
    brand,
    root,
    if(is_known, start.1, assumeNotNull(first_cause)) AS root_id,
    is_known,
    start.2 AS type,
    start.3 AS content,
    if(is_known, starter, NULL) AS customer,
    started_at,
    latest AS last_at,
    all_touches AS touches,
    depth,
    breadth,
    reached AS customers,
    converted,
    if(reached = 0, NULL, converted / reached) AS conversion,
    worth AS revenue,
    if(empty(waits_s), NULL, waits_s[intDiv(length(waits_s) + 1, 2)]) AS half_reached_s,
    if(empty(waits_s), NULL, waits_s[-1]) AS all_reached_s
FROM
(
    SELECT
        brand,
        root,
        CAST(max(starts), 'Bool') AS is_known,
        max(p.start) AS start,
        min(p.cause) AS first_cause,
        maxIf(p.customer, starts) AS starter,
        max(p.started) AS started_at,
        max(p.last_at) AS latest,
        sum(p.touches) AS all_touches,
        max(p.deepest) AS depth,
        arrayMax(mapValues(sumMapIf(map(p.generation, toUInt64(1)), NOT starts))) AS breadth,
        countIf(NOT starts) AS reached,
        countIf(NOT starts AND bought) AS converted,
        mapFilter((k, v) -> v != 0, sumMap(p.revenue)) AS worth,
        arraySort(arrayMap(at -> dateDiff('microsecond', assumeNotNull(started_at), at) / 1000000,
            if(started_at IS NULL, [], groupArrayIf(assumeNotNull(p.reached_at), NOT starts)))) AS waits_s
    FROM cascade_parts AS p
    GROUP BY brand, root
)
COMMENT 'Who brought whom: one row per start, with how far, how broad and how fast it went, and what it brought';

CREATE VIEW cascade_generations
AS SELECT
    brand,
    root,
    generation,
    count() AS customers,
    countIf(bought) AS converted,
    converted / customers AS conversion,
    mapFilter((k, v) -> v != 0, sumMap(revenue)) AS revenue,
    min(reached_at) AS first_at,
    quantileExactOrNull(dateDiff('microsecond', started_at, reached_at) / 1000000) AS median_reach_s
FROM cascade_customers
WHERE NOT starts
GROUP BY brand, root, generation
COMMENT 'Customers of a cascade by the generation in which they were reached first: how many, how many bought, how soon';

-- Each round doubles the distance, as in cascade_spine; 5 rounds reach 32 generations. Influence is counted no
-- further, so that a chain of n events gives 33 n pairs and not n * n.
CREATE VIEW cascade_ancestors
AS WITH RECURSIVE climbed AS
(
    SELECT event, step.1 AS ancestor, step.2 AS handle, step.3 AS distance, toUInt8(0) AS round, toUInt8(1) AS is_open, once.dummy AS is_kept
    FROM
    (
        SELECT event, arrayJoin(if(above.1 = 0, [(event, handle, toUInt32(0))], [(event, handle, toUInt32(0)), (above.1, above.2, toUInt32(1))])) AS step
        FROM
        (
            SELECT told.1 AS event, max(told.2) AS handle, max(told.3) AS above
            FROM
            (
                SELECT arrayJoin([(event, toUInt64(0), (parent, parent_handle), 0), (parent, parent_handle, (toUInt128(0), toUInt64(0)), 1)]) AS told
                FROM cascade_edges
                WHERE counts
            )
            GROUP BY event
            HAVING max(told.4) = 1
        )
    ) AS begun
    CROSS JOIN system.one AS once
    UNION ALL
    SELECT row.1, row.2, row.3, row.4, row.5, toUInt8(max(row.6) OVER ()), row.7
    FROM
    (
        SELECT
            tell.1 AS at,
            groupArrayIf((ancestor, handle, distance), tell.2 = 'answer') AS answers,
            arrayConcat(
                arrayFlatten(arrayMap(
                    ask -> arrayMap(
                        answer -> (ask.1, answer.1, answer.2, toUInt32(ask.2 + answer.3), toUInt8(ask.3 + 1), toUInt8(answer.3 > 0), toUInt8(0)),
                        arrayFilter(answer -> answer.3 = 0 OR ask.2 = bitShiftLeft(toUInt32(1), ask.3), answers)),
                    groupArrayIf((event, distance, round), tell.2 = 'ask'))),
                groupArrayIf((event, ancestor, handle, distance, round, toUInt8(0), toUInt8(1)), tell.2 = 'keep')) AS rows
        FROM
        (
            SELECT event, ancestor, handle, distance, round,
                arrayJoin(if(is_open AND round < 5, [(event, 'answer'), (ancestor, 'ask')], [(event, 'keep')])) AS tell
            FROM climbed
            WHERE NOT is_kept
        )
        GROUP BY at
    )
    ARRAY JOIN rows AS row
)
SELECT event, ancestor, any(climbed.handle) AS handle, min(climbed.distance) AS distance
FROM climbed
WHERE is_kept
GROUP BY event, ancestor
COMMENT 'Events that brought others, with everything that brought them, up to 32 generations back; itself at distance 0';

-- What followed from all that a customer did, within 33 generations (32 from the cause of a touch back); each touch counts once. The customer's own later
-- touches do not count as their influence.
CREATE VIEW influencers
AS SELECT
    brand,
    customer,
    rank() OVER (PARTITION BY brand ORDER BY customers DESC, converted DESC) AS rank,
    causes,
    touches,
    customers,
    direct,
    converted,
    revenue,
    first_at,
    last_at
FROM
(
    SELECT
        brand,
        customer,
        length(groupUniqArrayArray(causes_of)) AS causes,
        count() AS touches,
        uniqExact(follower) AS customers,
        uniqExactIf(follower, distance = 0) AS direct,
        uniqExactIf(follower, ifNull(worth > 0, false)) AS converted,
        mapFilter((k, v) -> v != 0, sumMap(if(ifNull(worth, 0) = 0, map(), map(toString(currency), toDecimal128(assumeNotNull(worth), 4))))) AS revenue,
        min(at) AS first_at,
        max(at) AS last_at
    FROM
    (
        SELECT
            f.brand AS brand,
            a.customer AS customer,
            f.event AS event,
            any(f.customer) AS follower,
            any(f.revenue) AS worth,
            any(f.currency) AS currency,
            any(f.time) AS at,
            min(a.distance) AS distance,
            groupUniqArray(a.ancestor) AS causes_of
        FROM (SELECT brand, event, parent, customer, revenue, currency, time FROM cascade_touches WHERE generation > 0) AS f
        INNER JOIN
        (
            SELECT k.event AS event, k.ancestor AS ancestor, k.distance AS distance, c.customer AS customer
            FROM cascade_ancestors AS k
            INNER JOIN customers AS c ON c.handle = k.handle
        ) AS a ON a.event = f.parent
        WHERE a.customer != f.customer
        GROUP BY brand, customer, event
    )
    GROUP BY brand, customer
)
COMMENT 'Customers by what followed from what they did, not by followers: whom they brought, directly or through others';

ALTER TABLE cascade_causes
    COMMENT COLUMN brand 'Brand',
    COMMENT COLUMN named 'What names it: an id, or a share code',
    COMMENT COLUMN event 'Key of the event that has it; of several the earliest, by source and id at one time',
    COMMENT COLUMN time  'When that event happened',
    COMMENT COLUMN cause 'What it names as its own cause; empty without one',
    COMMENT COLUMN handle 'Primary handle of that event',
    COMMENT COLUMN source 'Producer of that event',
    COMMENT COLUMN id     'Id that the producer gave to it';

ALTER TABLE cascade_edges
    COMMENT COLUMN brand         'Brand',
    COMMENT COLUMN event         'Key of the event that names a cause',
    COMMENT COLUMN time          'When it happened',
    COMMENT COLUMN type          'What happened, as area.verb',
    COMMENT COLUMN handle        'Primary handle of the event',
    COMMENT COLUMN cause         'Id or share code that it names',
    COMMENT COLUMN parent        'Key of the event that has it; a hash of brand and name where nobody has sent one',
    COMMENT COLUMN parent_handle 'Primary handle of that event; 0 where nobody has sent one',
    COMMENT COLUMN lead_us       'Microseconds by which it is older than its cause; negative as a rule',
    COMMENT COLUMN cause_lead_us 'The same of its cause and what that names',
    COMMENT COLUMN state         'joined; missing (no such event so far); self; early (older than its cause by over 5 minutes, so forged or misdated); disordered (older by less, and so is the cause of its cause, or first of a cycle at one time)',
    COMMENT COLUMN counts        'Whether it is in a cascade: joined or missing';

ALTER TABLE cascade_spine
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN event      'Key of an event that brought others, or stand-in of one that nobody has sent',
    COMMENT COLUMN root       'Key of the start of its cascade',
    COMMENT COLUMN generation 'Steps from the start, which is 0',
    COMMENT COLUMN brought    'Keys of the events that it brought';

ALTER TABLE cascade_nodes
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN root       'Key of the start of the cascade',
    COMMENT COLUMN event      'Key of the event',
    COMMENT COLUMN parent     'Key of what brought it; 0 for the start',
    COMMENT COLUMN generation 'Steps from the start, which is 0';

ALTER TABLE cascade_touches
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN root       'Key of the start of the cascade',
    COMMENT COLUMN generation 'Steps from the start, which is 0',
    COMMENT COLUMN parent     'Key of what brought it; 0 for the start',
    COMMENT COLUMN event      'Key of the event',
    COMMENT COLUMN id         'Id that the producer gave',
    COMMENT COLUMN cause      'What it names as its cause',
    COMMENT COLUMN time       'When it happened',
    COMMENT COLUMN customer   'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN type       'What happened, as area.verb',
    COMMENT COLUMN channel    'social, web, store, support, direct or other, by the model in force',
    COMMENT COLUMN content    'Post, page, mail or ad; empty without one',
    COMMENT COLUMN product    'Product; empty without one',
    COMMENT COLUMN place      'Store, restaurant, counter; empty without one',
    COMMENT COLUMN revenue    'Revenue, negative where it is given back; NULL without amount',
    COMMENT COLUMN currency   'ISO 4217; empty without amount';

ALTER TABLE cascade_parts
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN root       'Key of the start of the cascade',
    COMMENT COLUMN customer   'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN starts     'Whether the customer started it',
    COMMENT COLUMN started    'When the customer started it; NULL where they did not',
    COMMENT COLUMN generation 'Generation of the earliest touch of the customer after the start; 0 if there is none',
    COMMENT COLUMN reached_at 'Time of that touch; NULL if there is none',
    COMMENT COLUMN touches    'Touches of the customer in it, without the start',
    COMMENT COLUMN bought     'Whether one of them brought revenue',
    COMMENT COLUMN revenue    'Revenue of those touches by currency, refunds taken off',
    COMMENT COLUMN start      'Id, type and content of the start; empty where somebody else started it',
    COMMENT COLUMN cause      'What touches of the customer in the first generation name as their cause; NULL without one',
    COMMENT COLUMN deepest    'Latest generation with a touch of the customer',
    COMMENT COLUMN last_at    'Latest touch of the customer in it';

ALTER TABLE cascade_customers
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN root       'Key of the start of the cascade',
    COMMENT COLUMN customer   'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN starts     'Whether the customer started it; then they are not counted as reached',
    COMMENT COLUMN generation 'Generation of the earliest touch of the customer after the start; 0 if there is none',
    COMMENT COLUMN reached_at 'Time of that touch; NULL if there is none',
    COMMENT COLUMN started_at 'When the cascade started; NULL where nobody has sent the start',
    COMMENT COLUMN touches    'Touches of the customer in it, without the start',
    COMMENT COLUMN bought     'Whether one of them brought revenue',
    COMMENT COLUMN revenue    'Revenue of those touches by currency, refunds taken off';

ALTER TABLE cascades
    COMMENT COLUMN brand          'Brand',
    COMMENT COLUMN root           'Key of the event that it starts from; a hash of brand and name where nobody has sent one',
    COMMENT COLUMN root_id        'Id of that event, or the id or share code that is named in its place',
    COMMENT COLUMN is_known       'Whether the start was sent',
    COMMENT COLUMN type           'Type of the start; empty where it is not known, as the content',
    COMMENT COLUMN content        'Post, page, mail or ad of the start',
    COMMENT COLUMN customer       'Customer who started it; NULL where that is not known',
    COMMENT COLUMN started_at     'When it started; NULL where that is not known',
    COMMENT COLUMN last_at        'Its latest touch',
    COMMENT COLUMN touches        'Touches that it brought',
    COMMENT COLUMN depth          'Generations after the start',
    COMMENT COLUMN breadth        'Most customers who were first reached in one generation',
    COMMENT COLUMN customers      'Customers reached, without who started it',
    COMMENT COLUMN converted      'Those of them with a touch in it that brought revenue',
    COMMENT COLUMN conversion     'converted / customers; NULL for nobody',
    COMMENT COLUMN revenue        'Revenue of its touches by currency, refunds taken off',
    COMMENT COLUMN half_reached_s 'Seconds from the start until half of the customers were reached; NULL where either is not known',
    COMMENT COLUMN all_reached_s  'The same until the last was';

ALTER TABLE cascade_generations
    COMMENT COLUMN brand          'Brand',
    COMMENT COLUMN root           'Key of the start of the cascade',
    COMMENT COLUMN generation     'Steps from the start',
    COMMENT COLUMN customers      'Customers whose earliest touch is in it',
    COMMENT COLUMN converted      'Those of them with a touch in the cascade that brought revenue',
    COMMENT COLUMN conversion     'converted / customers',
    COMMENT COLUMN revenue        'Their revenue in the cascade by currency',
    COMMENT COLUMN first_at       'When the first of them was reached',
    COMMENT COLUMN median_reach_s 'Median seconds from the start until they were reached; NULL where the start is not known';

ALTER TABLE cascade_ancestors
    COMMENT COLUMN event    'Key of an event that brought others',
    COMMENT COLUMN ancestor 'Key of an event that brought it, or itself',
    COMMENT COLUMN handle   'Primary handle of that; 0 where nobody has sent it',
    COMMENT COLUMN distance 'Steps from one to the other, 32 at most';

ALTER TABLE influencers
    COMMENT COLUMN brand     'Brand',
    COMMENT COLUMN customer  'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN rank      'Rank in the brand by customers brought, then by those of them who bought; ties share one',
    COMMENT COLUMN causes    'What the customer did that brought others',
    COMMENT COLUMN touches   'Touches of others that followed from it, within 33 generations',
    COMMENT COLUMN customers 'Other customers who had them',
    COMMENT COLUMN direct    'Those of them whom the customer brought directly',
    COMMENT COLUMN converted 'Those of them whose touches brought revenue',
    COMMENT COLUMN revenue   'Revenue of those touches by currency, refunds taken off',
    COMMENT COLUMN first_at  'Earliest of those touches',
    COMMENT COLUMN last_at   'Latest of them';
