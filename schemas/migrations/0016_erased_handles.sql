-- The suppression list: handles that were erased, as a hash of their id. An event that happened before the erasure and
-- is sent again is not stored, so that it does not bring the history back. Nobody can be found from this table without
-- the handle key. The table is read whole; writing a row twice changes nothing.
CREATE TABLE erased_handles
(
    tombstone UInt64                         COMMENT 'BLAKE2b of the id of the handle',
    before    DateTime64(6, 'UTC')           COMMENT 'What happened before is not taken'
)
ENGINE = ReplacingMergeTree ORDER BY (tombstone, before)
COMMENT 'Handles that were erased, by a hash';
