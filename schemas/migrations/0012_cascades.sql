-- Word of mouth: who brought whom, from `cause` of the interactions alone. These are views, not tables: a tree is a
-- function of the set of interactions, so that order, repeats, late causes, erasures and identity found late need no
-- care, and nothing can drift. Only events that name a cause, and those that are named, are followed up.
--
-- An event's cause is looked for within its brand: the id of an event, else the property `share_code` of one. Where
-- several have it, the earliest counts. A link that its names and times do not bear out is kept, with its state, and
-- joins nothing. No cycle can be left by that: "older" is by (time, event), and an effect that is older than its cause,
-- for clocks differ, counts only where what brought the cause is older than the effect. Going up, each such step is
-- followed by one that more than makes up for it.

-- What causes name, and what brought that in turn.
CREATE VIEW cascade_causes
AS SELECT brand, named, found.1 AS event, found.2 AS time, found.3 AS cause
FROM
(
    SELECT brand, named, argMin((event, time, cause), (is_code, time, event)) AS found
    FROM
    (
        SELECT brand, id AS named, 0 AS is_code, event, time, cause
        FROM interactions
        WHERE NOT startsWith(type, 'identity.') AND (brand, id) IN (SELECT brand, cause FROM interactions WHERE cause != '' AND NOT startsWith(type, 'identity.'))
        UNION ALL
        SELECT brand, JSONExtractString(properties, 'share_code') AS named, 1 AS is_code, event, time, cause
        FROM interactions
        WHERE position(properties, 'share_code') > 0 AND named != '' AND NOT startsWith(type, 'identity.')
    )
    GROUP BY brand, named
)
COMMENT 'Events that are named as a cause, by id or share code';

-- `lead_us` is by how much the effect is older than its cause; up to 5 minutes are put down to clocks. A cause that
-- nobody has sent is a node too, so that those it brought stand together: its key is a hash of brand and name.
CREATE VIEW cascade_edges
AS SELECT
    e.brand AS brand,
    e.event AS event,
    e.time AS time,
    e.type AS type,
    e.handle AS handle,
    e.cause AS cause,
    if(c.event = 0, reinterpretAsUInt128(MD5(concat(e.brand, '\0', e.cause))), c.event) AS parent,
    toUnixTimestamp64Micro(c.time) - toUnixTimestamp64Micro(e.time) AS lead_us,
    toUnixTimestamp64Micro(g.time) - toUnixTimestamp64Micro(c.time) AS cause_lead_us,
    multiIf(
        c.event = 0, 'missing',
        c.event = e.event, 'self',
        lead_us > 300000000, 'early',
        (c.time, c.event) < (e.time, e.event), 'joined',
        g.event = 0 OR g.event = c.event OR cause_lead_us > 300000000 OR (g.time, g.event) < (e.time, e.event), 'joined',
        'disordered') AS state,
    CAST(state IN ('joined', 'missing'), 'Bool') AS counts
FROM (SELECT brand, event, time, type, handle, cause FROM interactions WHERE cause != '' AND NOT startsWith(type, 'identity.')) AS e
LEFT JOIN (SELECT brand, named, event, time, cause FROM cascade_causes) AS c ON c.brand = e.brand AND c.named = e.cause
LEFT JOIN (SELECT brand, named, event, time FROM cascade_causes WHERE named != '') AS g ON g.brand = e.brand AND g.named = c.cause
COMMENT 'Every interaction that names a cause, and whether that holds: joined, missing, self, early or disordered';

-- Each round doubles how far every node has looked up, so that 17 rounds find the root of a chain of 131,072; of a
-- longer one, the ancestor that many generations up; a round that finds nothing new is the last. Only nodes that brought
-- something are walked, and only in memory: interactions are read for the first round alone. A view of its own,
-- with the recursion read once: ClickHouse 26 answers wrongly where a view reads it in two branches of a UNION.
CREATE VIEW cascade_spine
AS WITH RECURSIVE climbed AS
(
    SELECT brand, node, if(max(above) = 0, node, max(above)) AS apex, toUInt32(max(above) != 0) AS hops, toUInt8(0) AS round, toUInt8(1) AS is_open
    FROM
    (
        SELECT brand, pair.1 AS node, pair.2 AS above, pair.3 AS brings
        FROM (SELECT brand, arrayJoin([(event, parent, 0), (parent, toUInt128(0), 1)]) AS pair FROM cascade_edges WHERE counts)
    )
    GROUP BY brand, node
    HAVING max(brings) = 1
    UNION ALL
    SELECT low.brand, low.node, high.apex, toUInt32(low.hops + high.hops), toUInt8(low.round + 1), toUInt8(max(high.apex != low.apex) OVER ())
    FROM climbed AS low
    INNER JOIN climbed AS high ON high.node = low.apex
    WHERE low.is_open AND low.round < 17
)
SELECT any(brand) AS brand, node AS event, argMax(apex, round) AS root, argMax(hops, round) AS generation
FROM climbed
GROUP BY node
COMMENT 'Events that brought others, with their root and generation; the root is generation 0';

CREATE VIEW cascade_nodes
AS SELECT s.brand AS brand, s.root AS root, e.event AS event, if(e.is_root, toUInt128(0), e.parent) AS parent, if(e.is_root, 0, s.generation + 1) AS generation
FROM
(
    SELECT DISTINCT pair.1 AS event, pair.2 AS parent, pair.1 = pair.2 AS is_root
    FROM (SELECT arrayJoin([(event, parent), (parent, parent)]) AS pair FROM cascade_edges WHERE counts)
) AS e
INNER JOIN cascade_spine AS s ON s.event = e.parent
WHERE NOT e.is_root OR s.generation = 0
COMMENT 'Every event of every cascade, with its root and generation; the root is generation 0';

-- Everything that belongs to a cascade, with who did it. The start of a cascade whose cause nobody has sent has no row.
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

-- A customer is reached by the first touch after the start, and counted in that touch's generation alone. Whoever
-- started the cascade is not reached by it.
CREATE VIEW cascade_customers
AS SELECT
    brand,
    root,
    customer,
    starts,
    generation,
    if(touches = 0, NULL, reached_at) AS reached_at,
    max(started) OVER (PARTITION BY brand, root) AS started_at,
    touches,
    bought,
    revenue
FROM
(
    SELECT
        brand,
        root,
        customer,
        CAST(max(t.generation = 0), 'Bool') AS starts,
        maxOrNullIf(t.time, t.generation = 0) AS started,
        argMinIf(t.generation, (t.time, t.generation), t.generation > 0) AS generation,
        minIf(t.time, t.generation > 0) AS reached_at,
        countIf(t.generation > 0) AS touches,
        CAST(countIf(t.generation > 0 AND ifNull(t.revenue > 0, false)) > 0, 'Bool') AS bought,
        mapFilter((k, v) -> v != 0, sumMap(if(t.generation = 0 OR ifNull(t.revenue, 0) = 0, map(), map(toString(t.currency), toDecimal128(assumeNotNull(t.revenue), 4))))) AS revenue
    FROM cascade_touches AS t
    GROUP BY brand, root, customer
)
COMMENT 'Customers of every cascade: who started it, who was reached, when, in which generation, and what they brought';

CREATE VIEW cascades
AS SELECT
    c.brand AS brand,
    c.root AS root,
    t.root_id AS root_id,
    t.is_known AS is_known,
    t.type AS type,
    t.content AS content,
    if(t.is_known, t.customer, NULL) AS customer,
    c.started_at AS started_at,
    t.last_at AS last_at,
    t.touches AS touches,
    t.depth AS depth,
    c.breadth AS breadth,
    c.customers AS customers,
    c.converted AS converted,
    if(c.customers = 0, NULL, c.converted / c.customers) AS conversion,
    c.revenue AS revenue,
    c.half_reached_s AS half_reached_s,
    c.all_reached_s AS all_reached_s
FROM
(
    SELECT
        brand,
        root,
        CAST(max(generation = 0), 'Bool') AS is_known,
        if(is_known, maxIf(id, generation = 0), minIf(cause, generation = 1)) AS root_id,
        maxIf(type, generation = 0) AS type,
        maxIf(content, generation = 0) AS content,
        maxIf(customer, generation = 0) AS customer,
        max(time) AS last_at,
        countIf(generation > 0) AS touches,
        max(generation) AS depth
    FROM cascade_touches
    GROUP BY brand, root
) AS t
INNER JOIN
(
    SELECT
        brand,
        root,
        max(u.started_at) AS started_at,
        countIf(NOT starts) AS customers,
        countIf(NOT starts AND bought) AS converted,
        arrayMax(mapValues(sumMapIf(map(generation, toUInt64(1)), NOT starts))) AS breadth,
        sumMap(u.revenue) AS revenue,
        arraySort(groupArrayIf(dateDiff('microsecond', assumeNotNull(u.started_at), assumeNotNull(u.reached_at)) / 1000000, NOT starts AND u.started_at IS NOT NULL)) AS waits_s,
        if(empty(waits_s), NULL, waits_s[intDiv(length(waits_s) + 1, 2)]) AS half_reached_s,
        if(empty(waits_s), NULL, waits_s[-1]) AS all_reached_s
    FROM cascade_customers AS u
    GROUP BY brand, root
) AS c ON c.brand = t.brand AND c.root = t.root
COMMENT 'Who brought whom: one row per start, with how far, how broad and how fast it went, and what it brought';

CREATE VIEW cascade_generations
AS SELECT
    brand,
    root,
    generation,
    count() AS customers,
    countIf(bought) AS converted,
    converted / customers AS conversion,
    sumMap(revenue) AS revenue,
    min(reached_at) AS first_at,
    quantileExactOrNull(dateDiff('microsecond', started_at, reached_at) / 1000000) AS median_reach_s
FROM cascade_customers
WHERE NOT starts
GROUP BY brand, root, generation
COMMENT 'Customers of a cascade by the generation in which they were reached first: how many, how many bought, how soon';

-- Each round doubles the distance again, as in cascade_spine; 5 rounds reach 32 generations. That is as far as influence
-- is counted, so that a chain of n events gives 33 n pairs and not n * n.
CREATE VIEW cascade_ancestors
AS WITH RECURSIVE climbed AS
(
    SELECT event, step.1 AS ancestor, step.2 AS distance, toUInt8(0) AS round, toUInt8(1) AS is_open
    FROM
    (
        SELECT event, arrayJoin(if(above = 0, [(event, toUInt32(0))], [(event, toUInt32(0)), (above, toUInt32(1))])) AS step
        FROM
        (
            SELECT pair.1 AS event, max(pair.2) AS above
            FROM (SELECT arrayJoin([(event, parent, 0), (parent, toUInt128(0), 1)]) AS pair FROM cascade_edges WHERE counts)
            GROUP BY event
            HAVING max(pair.3) = 1
        )
    )
    UNION ALL
    SELECT low.event, high.ancestor, toUInt32(low.distance + high.distance), toUInt8(low.round + 1), toUInt8(max(high.distance > 0) OVER ())
    FROM climbed AS low
    INNER JOIN climbed AS high ON high.event = low.ancestor
    WHERE low.is_open AND low.round < 5 AND (high.distance = 0 OR low.distance = bitShiftLeft(toUInt32(1), low.round))
)
SELECT event, ancestor, min(distance) AS distance
FROM climbed
GROUP BY event, ancestor
COMMENT 'Events that brought others, with everything that brought them, up to 32 generations back; itself at distance 0';

-- What followed from all that a customer did, within 32 generations, each touch once; what she did herself afterwards
-- is not her influence.
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
            min(k.distance) AS distance,
            groupUniqArray(a.event) AS causes_of
        FROM (SELECT brand, event, parent, customer, revenue, currency, time FROM cascade_touches WHERE generation > 0) AS f
        INNER JOIN cascade_ancestors AS k ON k.event = f.parent
        INNER JOIN (SELECT event, any(customer) AS customer FROM cascade_touches GROUP BY event) AS a ON a.event = k.ancestor
        WHERE a.customer != f.customer
        GROUP BY brand, customer, event
    )
    GROUP BY brand, customer
)
COMMENT 'Customers by what followed from what they did, not by followers: whom they brought, directly or through others';

ALTER TABLE cascade_causes
    COMMENT COLUMN brand 'Brand',
    COMMENT COLUMN named 'What names it: an id, or a share code',
    COMMENT COLUMN event 'Key of the event that has it; of several the earliest',
    COMMENT COLUMN time  'When that event happened',
    COMMENT COLUMN cause 'What it names as its own cause; empty without one';

ALTER TABLE cascade_edges
    COMMENT COLUMN brand         'Brand',
    COMMENT COLUMN event         'Key of the event that names a cause',
    COMMENT COLUMN time          'When it happened',
    COMMENT COLUMN type          'What happened, as area.verb',
    COMMENT COLUMN handle        'Primary handle of the event',
    COMMENT COLUMN cause         'Id or share code that it names',
    COMMENT COLUMN parent        'Key of the event that has it; a hash of brand and name where nobody has sent one',
    COMMENT COLUMN lead_us       'Microseconds by which it is older than its cause; negative as a rule',
    COMMENT COLUMN cause_lead_us 'The same of its cause and what that names',
    COMMENT COLUMN state         'joined; missing (no such event so far); self; early (older than its cause by over 5 minutes, so forged or misdated); disordered (older by less, and so is the cause of its cause)',
    COMMENT COLUMN counts        'Whether it is in a cascade: joined or missing';

ALTER TABLE cascade_spine
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN event      'Key of an event that brought others, or stand-in of one that nobody has sent',
    COMMENT COLUMN root       'Key of the start of its cascade',
    COMMENT COLUMN generation 'Steps from the start, which is 0';

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

ALTER TABLE cascade_customers
    COMMENT COLUMN brand      'Brand',
    COMMENT COLUMN root       'Key of the start of the cascade',
    COMMENT COLUMN customer   'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN starts     'Whether the start is hers; then she is not counted as reached',
    COMMENT COLUMN generation 'Generation of her earliest touch after the start; 0 if there is none',
    COMMENT COLUMN reached_at 'Time of that touch; NULL if there is none',
    COMMENT COLUMN started_at 'When the cascade started; NULL where nobody has sent the start',
    COMMENT COLUMN touches    'Her touches in it, without the start',
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
    COMMENT COLUMN distance 'Steps from one to the other, 32 at most';

ALTER TABLE influencers
    COMMENT COLUMN brand     'Brand',
    COMMENT COLUMN customer  'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN rank      'Rank in the brand by customers brought, then by those of them who bought; ties share one',
    COMMENT COLUMN causes    'What she did that brought others',
    COMMENT COLUMN touches   'Touches of others that followed from it, within 32 generations',
    COMMENT COLUMN customers 'Other customers who had them',
    COMMENT COLUMN direct    'Those of them whom she brought herself',
    COMMENT COLUMN converted 'Those of them whose touches brought revenue',
    COMMENT COLUMN revenue   'Revenue of those touches by currency, refunds taken off',
    COMMENT COLUMN first_at  'Earliest of those touches',
    COMMENT COLUMN last_at   'Latest of them';
