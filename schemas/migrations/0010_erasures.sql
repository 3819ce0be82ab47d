-- What people removed from the tables: customers who were forgotten, dead letters that were dropped. Reconciliation
-- includes these rows: stored = interactions + events here, refused = dead_letters + dead_letters here. Each row is
-- written once, before anything is deleted, and names nobody. The table has few rows; ORDER BY reads them in the order
-- of time.
CREATE TABLE erasures
(
    receipt      String                      COMMENT 'Random; names the erasure',
    at           DateTime64(6, 'UTC')        COMMENT 'When it was counted',
    what         LowCardinality(String)      COMMENT 'customer, dead letters, consent denied or consent granted',
    reason       String                      COMMENT 'As it was given with the command; names nobody',
    handles      UInt64                      COMMENT 'Handles that are not known any more',
    events       UInt64                      COMMENT 'Interactions that were erased',
    links        UInt64                      COMMENT 'Pairs of handles whose link was erased',
    announcements UInt64                     COMMENT 'Changes of stage that were erased',
    mentions     UInt64                      COMMENT 'Interactions of others that named one of the handles, and do not any more',
    dead_letters UInt64                      COMMENT 'Dead letters that were erased'
)
ENGINE = MergeTree ORDER BY (at, receipt)
COMMENT 'Receipts of what was erased';

-- The handles of an erasure that is under way. An erasure whose process was killed is finished from these rows, and
-- they are deleted with it. Statements that erase read the handles from here, so that no log of statements names
-- anybody.
CREATE TABLE erasing
(
    receipt      String                      COMMENT 'Names the erasure',
    handle       UInt64                      COMMENT 'Handle that is being forgotten',
    reason       String                      COMMENT 'As it was given with the command',
    asked_at     DateTime64(6, 'UTC')        COMMENT 'When it was begun',
    consent      LowCardinality(String)      COMMENT 'denied: nothing of the handle is taken from then on; granted: again; else empty'
)
ENGINE = MergeTree ORDER BY (receipt, handle)
COMMENT 'Erasures under way; empty otherwise';

-- Progress of an erasure where workers share the partitions. The owner of each partition writes the offset from which
-- it leaves the handles out ("forget"), and the offset from which it accepts them again, as handles of somebody new
-- ("forgotten"). The table has few rows.
CREATE TABLE erasure_steps
(
    receipt      String                      COMMENT 'Names the erasure',
    topic        LowCardinality(String)      COMMENT 'Topic whose partition it is: interactions, links or evidence',
    verb         LowCardinality(String)      COMMENT 'forget or forgotten',
    _partition   UInt16                      COMMENT 'Partition of the topic',
    _offset      UInt64                      COMMENT 'Offset from which the partition holds to it',
    at           DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it was written'
)
ENGINE = MergeTree ORDER BY (receipt, topic, _partition)
COMMENT 'Erasures across partitions';
