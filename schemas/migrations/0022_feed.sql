-- The feed of stages reads announcements in the order in which they were written, from where a reader stands. The table
-- is sorted by customer; with this index a part that is older than that is not read. Parts that were written before are
-- read until they are merged.
ALTER TABLE stage_changes
    ADD INDEX IF NOT EXISTS by_sequence (sequence, _partition) TYPE minmax GRANULARITY 1;

-- How far each receiver of the feed is. A row is written once a second at most while something is delivered; the one with the
-- highest number counts. A position names no customer.
CREATE TABLE feed_positions
(
    receiver  String                            COMMENT 'Name of the receiver in the file',
    number    UInt64                            COMMENT 'Number of the write',
    position  String                            COMMENT 'What the receiver has, as events of the feed have it in cursor',
    delivered UInt64                            COMMENT 'Events that it took, from its begin',
    refused   UInt64                            COMMENT 'Events that it refused for good, which are not sent again',
    detail    String                            COMMENT 'What it answered to the latest of these',
    at        DateTime64(6, 'UTC')              COMMENT 'When the row was written'
)
ENGINE = ReplacingMergeTree(number) ORDER BY receiver
COMMENT 'How far each receiver of changes of stage is';

-- A number of an announcement is given once. When announcements are erased, or a backup is restored, which has not the latest, a row
-- says up to where numbers were given, so that a reader who stands there misses nothing that is announced afterwards.
CREATE TABLE announced_numbers
(
    sequence  UInt64                            COMMENT 'Later announcements have higher numbers',
    at        DateTime64(6, 'UTC')              COMMENT 'When the row was written'
)
ENGINE = MergeTree ORDER BY at
COMMENT 'Up to where numbers of announcements were given that are not in stage_changes any more';
