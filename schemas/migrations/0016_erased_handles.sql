-- Handles that were erased, by a hash of their id, so that an event of theirs that happened before and is sent again does
-- not bring their history back. Nobody can be found from it without the key of handles. Read whole; rows say the same
-- when they are written twice.
CREATE TABLE erased_handles
(
    tombstone UInt64                         COMMENT 'BLAKE2b of the id of the handle',
    before    DateTime64(6, 'UTC')           COMMENT 'What happened before is not taken'
)
ENGINE = ReplacingMergeTree ORDER BY (tombstone, before)
COMMENT 'Handles that were erased, by a hash';
