-- An event is the same event when source, id and primary handle are the same, whatever its time and whenever it
-- arrives.

-- A projection: a third order of the few columns that tell where an event is, which ClickHouse keeps with each part. A
-- repeat is looked up by the key of the event, at a cost that does not grow with history. It takes 35 bytes per row.
ALTER TABLE interactions
    ADD PROJECTION IF NOT EXISTS by_event (SELECT event, time, brand, handle, _partition, _offset ORDER BY event);

-- Existing rows get the projection in the background; until then a look-up reads their column `event`.
ALTER TABLE interactions
    MATERIALIZE PROJECTION by_event;

ALTER TABLE deliveries
    ADD COLUMN IF NOT EXISTS conflicts UInt32 DEFAULT 0 COMMENT 'Those of the duplicates that say something else than the event that is stored: see conflicts' AFTER duplicates;

-- One row for each field in which a repeat differs. The values are as in interactions: they contain nothing raw, and
-- are erased with the event.
CREATE TABLE conflicts
(
    event       UInt128                     COMMENT 'Key of the event; the one that is stored is in interactions',
    source      LowCardinality(String)      COMMENT 'Producer of the event, who sent it again',
    id          String                      COMMENT 'Id that the producer gave to both',
    handle      UInt64                      COMMENT 'Primary handle of both',
    field       LowCardinality(String)      COMMENT 'Field in which the repeat differs: time, amount, type, ...',
    kept        String                      COMMENT 'What the stored event says, at most 200 characters; of properties, those that differ; of handles, how many',
    repeated    String                      COMMENT 'What the repeat said; it does not count',
    repeated_at DateTime64(6, 'UTC')        COMMENT 'When the repeat arrived',
    _partition  UInt16                      COMMENT 'Partition of the log',
    _offset     UInt64                      COMMENT 'Offset of the frame of the repeat in the log'
)
ENGINE = MergeTree ORDER BY (source, field, _partition, _offset)
COMMENT 'Repeats of an event that say something else: the first one counts';

CREATE VIEW conflicts_by_source
AS SELECT
    source,
    field,
    count() AS repeats,
    uniqExact(event) AS events,
    min(repeated_at) AS first_at,
    max(repeated_at) AS last_at,
    argMax(id, (repeated_at, _partition, _offset, id)) AS example_id,
    argMax(kept, (repeated_at, _partition, _offset, id)) AS example_kept,
    argMax(repeated, (repeated_at, _partition, _offset, id)) AS example_repeated
FROM conflicts
GROUP BY source, field
COMMENT 'Producers that send an event again with another content: by field, how often, and the latest example';

ALTER TABLE conflicts_by_source
    COMMENT COLUMN source           'Producer of the events',
    COMMENT COLUMN field            'Field in which repeats differ from the event that is stored',
    COMMENT COLUMN repeats          'Repeats that differ in this field',
    COMMENT COLUMN events           'Events that they repeat',
    COMMENT COLUMN first_at         'When the first of them arrived',
    COMMENT COLUMN last_at          'When the latest of them arrived',
    COMMENT COLUMN example_id       'Id of the event that the latest of them repeats',
    COMMENT COLUMN example_kept     'What the stored event says there',
    COMMENT COLUMN example_repeated 'What the repeat said there';
