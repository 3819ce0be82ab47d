-- Dead letters that are being deleted. A command that is killed while it deletes is finished from this list; the list
-- is empty otherwise.
CREATE TABLE dead_letter_drops
(
    receipt          String                     COMMENT 'Names the erasure in erasures',
    letter_partition UInt16                     COMMENT '_partition of the dead letter',
    letter_offset    UInt64                     COMMENT '_offset of the dead letter',
    letter_index     UInt32                     COMMENT '_index of the dead letter',
    letter_topic     String                     COMMENT 'topic of the dead letter'
)
ENGINE = MergeTree ORDER BY (letter_partition, letter_offset, letter_index)
COMMENT 'Dead letters that are being dropped';
