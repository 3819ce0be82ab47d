-- Who may write for a partition. A worker that is given one enters the next generation, and every insert that it makes
-- keeps nothing once a newer generation is there: a former owner that was paused, or cut off, can add no rows any more.
-- Two workers may enter the same generation at once; of those, the one with the highest token owns the partition. A row
-- is one taking; ORDER BY finds the newest of a partition. Few rows, and none is ever changed.
CREATE TABLE fences
(
    topic      LowCardinality(String)           COMMENT 'Topic whose partition was taken',
    partition  UInt16                           COMMENT 'Partition of the topic',
    generation UInt64                           COMMENT 'One more than the generation before; the highest owns the partition',
    token      String                           COMMENT 'Random, of the worker''s process; stands in the ids of its inserts',
    worker     String                           COMMENT 'Host and process id, for people',
    taken_at   DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it was taken'
)
ENGINE = MergeTree ORDER BY (topic, partition, generation)
COMMENT 'Which worker may write for a partition';
