-- Retention: interactions of a brand that are older than its months are deleted, and what they gave stays as sums. This
-- file sorts before the files of the views that read the sums.

-- Few rows. ORDER BY is the key by which the newest row counts.
CREATE TABLE retention
(
    brand      LowCardinality(String)           COMMENT 'Brand; empty for the handles of which nothing is heard any more',
    months     UInt16                           COMMENT 'Whole months for which they are kept; 0 for ever',
    set_at     DateTime64(6, 'UTC')             COMMENT 'When it was set; the newest counts'
)
ENGINE = ReplacingMergeTree(set_at) ORDER BY brand
COMMENT 'How long the interactions of a brand are kept, and handles of which nothing is heard';

-- One row for each partition of the log, and then one more where state is deleted. Inserted as one block: from then on
-- the sums of this number count, and the interactions that they are made of do not. The table has few rows and is read
-- whole.
CREATE TABLE expiries
(
    number     UInt64                           COMMENT 'Number of the expiry; of a brand the highest has the sums that count',
    brand      LowCardinality(String)           COMMENT 'Brand',
    horizon    DateTime64(6, 'UTC')             COMMENT 'Interactions before this instant have expired',
    model      LowCardinality(String)           COMMENT 'Hash of the A-Path model that weighed them',
    state      LowCardinality(String)           COMMENT 'expired, and once they are deleted: deleted',
    part       UInt16                           COMMENT 'Partition of the log whose interactions expired',
    upto       UInt64                           COMMENT 'Offset up to which they have expired: later ones do at the next expiry',
    at         DateTime64(6, 'UTC')             COMMENT 'When it was written'
)
ENGINE = MergeTree ORDER BY (number, state, part)
COMMENT 'Expiries of interactions, each with the horizon up to which a brand''s are gone';

-- The keys of expired events, so that a repeat of one is still known. ORDER BY is the key that is looked up.
CREATE TABLE expired_events
(
    event      UInt128                          COMMENT 'Key of the event',
    brand      LowCardinality(String)           COMMENT 'Brand',
    handle     UInt64                           COMMENT 'Primary handle',
    is_touch   Bool                             COMMENT 'Whether it was a touch: no identity event',
    number     UInt64                           COMMENT 'Expiry',
    _partition UInt16                           COMMENT 'Partition of the log',
    _offset    UInt64                           COMMENT 'Offset of the frame in the log; where the event was seen first'
)
ENGINE = MergeTree ORDER BY event
COMMENT 'Keys of expired interactions: a repeat of one does not count';

-- What expired interactions weigh at the horizon. Sums of one number replace those of the numbers before it. Weights for
-- and against are apart, so that a recomputation knows how large its terms were.
CREATE TABLE carried_evidence
(
    number     UInt64                           COMMENT 'Expiry',
    brand      LowCardinality(String)           COMMENT 'Brand',
    handle     UInt64                           COMMENT 'Primary handle',
    stage      LowCardinality(String)           COMMENT 'Stage of the A-Path',
    horizon    DateTime64(6, 'UTC')             COMMENT 'Instant that the weights are as of',
    gained     Float64                          COMMENT 'Positive weights, faded up to the horizon',
    lost       Float64                          COMMENT 'Negative weights, faded up to the horizon; 0 without any',
    _partition UInt16                           COMMENT 'Partition of the log',
    _offset    UInt64                           COMMENT 'Last offset of the interactions'
)
ENGINE = MergeTree ORDER BY (brand, handle, stage, number)
COMMENT 'What expired interactions weigh, by handle and stage';

CREATE TABLE carried_touches
(
    number     UInt64                           COMMENT 'Expiry',
    brand      LowCardinality(String)           COMMENT 'Brand',
    handle     UInt64                           COMMENT 'Primary handle',
    type       LowCardinality(String)           COMMENT 'Event type',
    horizon    DateTime64(6, 'UTC')             COMMENT 'All of them were before this instant',
    touches    UInt64                           COMMENT 'Interactions',
    first_seen DateTime64(6, 'UTC')             COMMENT 'Earliest of them',
    last_seen  DateTime64(6, 'UTC')             COMMENT 'Latest of them',
    amounts    Map(String, Decimal(38, 4))      COMMENT 'Sum of the amounts, by currency',
    absolute   Map(String, Decimal(38, 4))      COMMENT 'Sum of the amounts without their sign, by currency',
    _partition UInt16                           COMMENT 'Partition of the log',
    _offset    UInt64                           COMMENT 'Last offset of the interactions'
)
ENGINE = MergeTree ORDER BY (brand, handle, type, number)
COMMENT 'How many expired touches a handle had of each type, and their amounts';

CREATE TABLE carried_minutes
(
    number     UInt64                           COMMENT 'Expiry',
    brand      LowCardinality(String)           COMMENT 'Brand',
    minute     DateTime64(0, 'UTC')             COMMENT 'Minute of event time',
    type       LowCardinality(String)           COMMENT 'Event type',
    touches    UInt64                           COMMENT 'Interactions',
    _partition UInt16                           COMMENT 'Partition of the log',
    _offset    UInt64                           COMMENT 'Last offset of the interactions'
)
ENGINE = MergeTree ORDER BY (brand, minute, type, number)
COMMENT 'Expired touches by minute and type, as minute_counts has them';

CREATE TABLE carried_links
(
    number       UInt64                         COMMENT 'Expiry',
    brand        LowCardinality(String)         COMMENT 'Brand of the interactions',
    left_handle  UInt64                         COMMENT 'Smaller handle id of the pair',
    right_handle UInt64                         COMMENT 'Larger handle id of the pair',
    source       LowCardinality(String)         COMMENT 'Producer that said so',
    left_kind    LowCardinality(String)         COMMENT 'Kind of the left handle',
    right_kind   LowCardinality(String)         COMMENT 'Kind of the right handle',
    said         UInt64                         COMMENT 'Events that named both handles',
    first_seen   DateTime64(6, 'UTC')           COMMENT 'Earliest of those events',
    last_seen    DateTime64(6, 'UTC')           COMMENT 'Latest of those events',
    withdrawn_at Nullable(DateTime64(6, 'UTC')) COMMENT 'Latest identity.unlink; NULL without one',
    restored_at  Nullable(DateTime64(6, 'UTC')) COMMENT 'Latest identity.link; NULL without one',
    _partition   UInt16                         COMMENT 'Partition of the log',
    _offset      UInt64                         COMMENT 'Last offset of the interactions'
)
ENGINE = MergeTree ORDER BY (left_handle, right_handle, brand, number)
COMMENT 'Links that expired interactions are the evidence for, as identity_links has them';

CREATE TABLE carried_handles
(
    number     UInt64                           COMMENT 'Expiry',
    brand      LowCardinality(String)           COMMENT 'Brand of the interactions',
    handle     UInt64                           COMMENT 'Handle',
    kind       LowCardinality(String)           COMMENT 'Kind of the handle: user, email, phone, ...',
    _partition UInt16                           COMMENT 'Partition of the log',
    _offset    UInt64                           COMMENT 'Last offset of the interactions'
)
ENGINE = MergeTree ORDER BY (handle, brand, number)
COMMENT 'Handles that expired interactions named';
