-- The engine writes these tables. Every row carries the partition and offset of the log that it came from. The engine
-- writes a batch of the log as one atomic insert per table, so max(_offset) of a partition is the table's watermark:
-- rows at or below it are never written again. None of these tables has a PARTITION BY, since ClickHouse inserts
-- atomically only within one partition of a table.

-- Interactions are the facts, one row per event. ORDER BY serves queries for a period of a brand first, then those for
-- one handle within a day; brand and day also narrow the look-up of ids that are older than the window that the engine
-- remembers. Two checks keep repeats out: the engine does not write an event whose id it has seen (the id index), and
-- does not write a batch at or below the watermark.
CREATE TABLE interactions
(
    event      UInt128                          COMMENT 'Key of the event: hash of source, id and primary handle; unique',
    time       DateTime64(6, 'UTC')             COMMENT 'When it happened',
    brand      LowCardinality(String)           COMMENT 'Brand that the customer interacted with',
    type       LowCardinality(String)           COMMENT 'What happened, as area.verb; the area gives the channel',
    source     LowCardinality(String)           COMMENT 'Producer of the event',
    id         String                           COMMENT 'Id that the producer gave; the event is unique by source, id and handle',
    handle     UInt64                           COMMENT 'Primary handle: evidence belongs to it. Customers are looked up',
    handles    Array(UInt64)                    COMMENT 'Every handle that the event names, the primary first',
    kinds      Array(LowCardinality(String))    COMMENT 'Kind of each of the handles: user, email, phone, ...',
    content    String                           COMMENT 'Post, page, mail or ad; empty without one',
    product    String                           COMMENT 'Product; empty without one',
    place      LowCardinality(String)           COMMENT 'Store, restaurant, counter; empty without one',
    campaign   LowCardinality(String)           COMMENT 'Campaign; empty without one',
    device     LowCardinality(String)           COMMENT 'Device class; empty without one',
    amount     Nullable(Decimal(18, 4))         COMMENT 'Money in currency, as it was given',
    currency   LowCardinality(String)           COMMENT 'ISO 4217; empty without amount',
    rating     Nullable(Float64)                COMMENT 'Stars, CSAT or NPS, 0 to 10',
    sentiment  Nullable(Float64)                COMMENT '-1 to 1',
    cause      String                           COMMENT 'Id of the event, or share code, that brought this one',
    properties String                           COMMENT 'Anything else, as JSON; empty without any',
    _partition UInt16                           COMMENT 'Partition of the log',
    _offset    UInt64                           COMMENT 'Offset of the frame in the log; where the event was seen first',
    INDEX handle_bloom handles TYPE bloom_filter(0.01) GRANULARITY 4
)
ENGINE = MergeTree ORDER BY (brand, toDate32(time), handle, time)
COMMENT 'Every interaction, once';

-- Evidence is kept as deltas: each batch adds rows. ORDER BY is the key that is summed by; the partition is part of
-- it, so that the watermark can still be read after a merge. Sums, minima and maxima commute, so neither the order of
-- batches nor where they were cut changes the result.
CREATE TABLE evidence
(
    model           LowCardinality(String)                          COMMENT 'Hash of the model that weighed it',
    brand           LowCardinality(String)                          COMMENT 'Brand',
    handle          UInt64                                          COMMENT 'Primary handle of the interactions',
    attention       SimpleAggregateFunction(sum, Nullable(Float64)) COMMENT 'Sum of weight * 2^((time - 2025-01-01) / half-life); NULL is no evidence',
    attraction      SimpleAggregateFunction(sum, Nullable(Float64)) COMMENT 'As attention',
    affinity        SimpleAggregateFunction(sum, Nullable(Float64)) COMMENT 'As attention',
    audience        SimpleAggregateFunction(sum, Nullable(Float64)) COMMENT 'As attention',
    advocacy        SimpleAggregateFunction(sum, Nullable(Float64)) COMMENT 'As attention',
    touches_social  SimpleAggregateFunction(sum, UInt64)            COMMENT 'Interactions on social networks and communities',
    touches_web     SimpleAggregateFunction(sum, UInt64)            COMMENT 'Interactions on the web and in apps',
    touches_store   SimpleAggregateFunction(sum, UInt64)            COMMENT 'Interactions in stores',
    touches_support SimpleAggregateFunction(sum, UInt64)            COMMENT 'Interactions with support',
    touches_direct  SimpleAggregateFunction(sum, UInt64)            COMMENT 'Mail and campaigns',
    touches_other   SimpleAggregateFunction(sum, UInt64)            COMMENT 'Interactions whose area the model gives no channel',
    revenue         SimpleAggregateFunction(sumMap, Map(String, Decimal(38, 4))) COMMENT 'Revenue by currency, refunds taken off',
    first_seen      SimpleAggregateFunction(min, DateTime64(6, 'UTC')) COMMENT 'Earliest interaction',
    last_seen       SimpleAggregateFunction(max, DateTime64(6, 'UTC')) COMMENT 'Latest interaction',
    _partition      UInt16                                          COMMENT 'Partition of the log',
    _offset         SimpleAggregateFunction(max, UInt64)            COMMENT 'Last offset of the batch'
)
ENGINE = AggregatingMergeTree ORDER BY (model, brand, handle, _partition)
COMMENT 'What is known of each handle and brand, as sums: a customer is the sum over its handles';

-- Counts are deltas per batch, as in evidence. The view touches_by_minute looks up the channel of each type, since the
-- model in force decides it.
CREATE TABLE minute_counts
(
    brand      LowCardinality(String)                COMMENT 'Brand',
    minute     DateTime64(0, 'UTC')                  COMMENT 'Minute of event time',
    type       LowCardinality(String)                COMMENT 'Event type',
    touches    SimpleAggregateFunction(sum, UInt64)  COMMENT 'Interactions',
    _partition UInt16                                COMMENT 'Partition of the log',
    _offset    SimpleAggregateFunction(max, UInt64)  COMMENT 'Last offset of the batch'
)
ENGINE = AggregatingMergeTree ORDER BY (brand, minute, type, _partition)
COMMENT 'Interactions per brand, minute and type; read it through touches_by_minute';

-- Links are deltas per batch, as in evidence: which source said that two handles are one person, how often, and from
-- when to when. Withdrawals and restorations are stored as facts too, so the set of links does not depend on the order
-- of events.
CREATE TABLE identity_links
(
    left_handle  UInt64                                               COMMENT 'Smaller handle id of the pair',
    right_handle UInt64                                               COMMENT 'Larger handle id of the pair',
    source       LowCardinality(String)                               COMMENT 'Producer that said so',
    left_kind    LowCardinality(String)                               COMMENT 'Kind of the left handle',
    right_kind   LowCardinality(String)                               COMMENT 'Kind of the right handle',
    said         SimpleAggregateFunction(sum, UInt64)                 COMMENT 'Events that named both handles',
    first_seen   SimpleAggregateFunction(min, DateTime64(6, 'UTC'))   COMMENT 'Earliest of those events',
    last_seen    SimpleAggregateFunction(max, DateTime64(6, 'UTC'))   COMMENT 'Latest of those events',
    withdrawn_at SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))) COMMENT 'Latest identity.unlink; NULL without one',
    restored_at  SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))) COMMENT 'Latest identity.link; NULL without one',
    _partition   UInt16                                               COMMENT 'Partition of the log',
    _offset      SimpleAggregateFunction(max, UInt64)                 COMMENT 'Last offset of the batch'
)
ENGINE = AggregatingMergeTree ORDER BY (left_handle, right_handle, left_kind, right_kind, source, _partition)
COMMENT 'Evidence that two handles are one person';

-- Which customer each handle belongs to now. It follows from identity_links; the newest version of each handle counts.
CREATE TABLE identity_map
(
    handle     UInt64                           COMMENT 'Handle',
    kind       LowCardinality(String)           COMMENT 'Kind of the handle',
    customer   UInt64                           COMMENT 'Smallest handle of its component',
    previous   UInt64                           COMMENT 'Customer that it belonged to before; the handle itself if it is new',
    version    UInt64                           COMMENT 'Number of the write; the highest counts',
    _partition UInt16                           COMMENT 'Partition of the log',
    _offset    UInt64                           COMMENT 'Last offset of the batch'
)
ENGINE = ReplacingMergeTree(version) ORDER BY handle
COMMENT 'Handle to customer, every version; read it through customers';

-- Announcements of changes of stage: at most one per customer and batch, each starting from the stage that the last
-- one announced. The view stage_history has the exact path in event time.
CREATE TABLE stage_changes
(
    brand        LowCardinality(String)         COMMENT 'Brand',
    customer     UInt64                         COMMENT 'Customer, as named at that moment',
    from_stage   Enum8('none' = 0, 'attention' = 1, 'attraction' = 2, 'affinity' = 3, 'audience' = 4, 'advocacy' = 5) COMMENT 'Stage announced before',
    to_stage     Enum8('none' = 0, 'attention' = 1, 'attraction' = 2, 'affinity' = 3, 'audience' = 4, 'advocacy' = 5) COMMENT 'Stage from now on',
    at           DateTime64(6, 'UTC')           COMMENT 'Time of the interaction, or instant of the lapse',
    reason       LowCardinality(String)         COMMENT 'evidence, lapse, identity (handles joined or parted) or model',
    model        LowCardinality(String)         COMMENT 'Hash of the model that decided',
    announced_at DateTime64(6, 'UTC')           COMMENT 'When the engine announced it',
    sequence     UInt64                         COMMENT 'Number of the write; orders the announcements of a customer',
    _partition   UInt16                         COMMENT 'Partition of the log',
    _offset      UInt64                         COMMENT 'Last offset of the batch'
)
ENGINE = MergeTree ORDER BY (brand, customer, sequence)
COMMENT 'Moves along the A-Path as they were announced';

-- Events that were refused, each with its reason and its bytes, in which handle values are hashed. One row is one
-- delivery.
CREATE TABLE dead_letters
(
    reason     LowCardinality(String)           COMMENT 'Code of the reason',
    detail     String                           COMMENT 'Where in the event, and what is allowed',
    topic      String                           COMMENT 'File or topic it came from',
    topic_partition UInt32                      COMMENT 'Partition there; 0 for a file',
    topic_offset UInt64                         COMMENT 'Offset there; line number, from 1, for a file',
    bytes      String                           COMMENT 'The original, with values of handles hashed',
    received   DateTime64(6, 'UTC')             COMMENT 'When it came',
    _partition UInt16                           COMMENT 'Partition of the log',
    _offset    UInt64                           COMMENT 'Offset of the frame in the log',
    _index     UInt32                           COMMENT 'Place in the frame'
)
ENGINE = MergeTree ORDER BY (reason, _partition, _offset, _index)
COMMENT 'Events that were refused';

-- A row is written when a dead letter has passed through the edge again.
CREATE TABLE dead_letter_replays
(
    letter_partition UInt16                     COMMENT '_partition of the dead letter',
    letter_offset    UInt64                     COMMENT '_offset of the dead letter',
    letter_index     UInt32                     COMMENT '_index of the dead letter',
    replayed_at      DateTime64(6, 'UTC')       COMMENT 'When it was taken up again'
)
ENGINE = ReplacingMergeTree ORDER BY (letter_partition, letter_offset, letter_index)
COMMENT 'Dead letters that were replayed';

-- Reconciliation, one row per frame: received = stored + duplicates + dead_letters, always.
CREATE TABLE deliveries
(
    topic        LowCardinality(String)         COMMENT 'File or topic it came from',
    received     UInt32                         COMMENT 'Events received in this frame',
    stored       UInt32                         COMMENT 'Events stored',
    duplicates   UInt32                         COMMENT 'Events that had been stored before',
    dead_letters UInt32                         COMMENT 'Events refused',
    received_at  DateTime64(6, 'UTC')           COMMENT 'When the frame was packed',
    _partition   UInt16                         COMMENT 'Partition of the log',
    _offset      UInt64                         COMMENT 'Offset of the frame in the log'
)
ENGINE = MergeTree ORDER BY (_partition, _offset)
COMMENT 'What became of every event that came in';

-- People write targets. To change one, INSERT it again: the newest row of a key counts.
CREATE TABLE targets
(
    brand     LowCardinality(String)            COMMENT 'Brand',
    stage     Enum8('attention' = 1, 'attraction' = 2, 'affinity' = 3, 'audience' = 4, 'advocacy' = 5) COMMENT 'Stage that customers are to reach',
    channel   LowCardinality(String)            COMMENT 'Count only customers met on this channel; empty for any',
    due       Date                              COMMENT 'Day by which the target is to be reached',
    customers UInt64                            COMMENT 'Customers who are to stand at the stage, or a higher one',
    note      String                            COMMENT 'Why this target',
    set_at    DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it was set; the newest counts'
)
ENGINE = ReplacingMergeTree(set_at) ORDER BY (brand, stage, channel, due)
COMMENT 'Targets per brand, stage and channel';
