-- Which worker may write for a partition. A worker that is assigned a partition enters the next generation. Inserts of
-- an older generation keep no rows once a newer one exists, so a former owner that was paused or cut off can add
-- nothing any more. Two workers may enter the same generation at once; of those, the one with the highest token owns
-- the partition. Each row records that a worker took a partition; ORDER BY finds the newest. The table has few rows,
-- and none is ever changed.
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
