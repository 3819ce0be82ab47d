-- Progress of a change of the A-Path model, where workers share the partitions. A change begins with one row of state
-- "begun". Then the owner of each partition writes "abandoned" (it has discarded what an earlier change had prepared
-- there) and "prepared" (evidence has the partition's history under the new model too, and everything after the offset
-- is written under both models). When all partitions are prepared, one row in models puts the new model in force. The
-- table has few rows; ORDER BY finds a change.
CREATE TABLE model_changes
(
    change      String                           COMMENT 'Names the change; of those begun, the highest sequence counts',
    sequence    UInt64                           COMMENT 'Order in which changes began; 0 in the rows of partitions',
    model       String                           COMMENT 'Hash of the model that is to come into force',
    toml        String                           COMMENT 'The file; empty in the rows of partitions that abandon',
    state       LowCardinality(String)           COMMENT 'begun, abandoned or prepared',
    _partition  UInt16                           COMMENT 'Partition of the log; 0 where it has begun',
    _offset     UInt64                           COMMENT 'Offset from which the partition holds to it; 0 where it has begun',
    at          DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it was written'
)
ENGINE = MergeTree ORDER BY (change, _partition, _offset)
COMMENT 'Changes of the A-Path model under way across partitions';
