-- The values of handles that a brand keeps readable, encrypted under a key that is not here (`streams.edge.readable`). None
-- without JOURNEY_READABLE. A row is written when a handle comes first, and once more under a key that takes the place of
-- another. No analyst reads it; an erasure deletes the rows of a customer's handles.
CREATE TABLE readable_handles
(
    brand       LowCardinality(String)           COMMENT 'Brand that keeps it readable',
    kind        LowCardinality(String)           COMMENT 'Kind of the handle',
    handle      UInt64                           COMMENT 'Handle',
    fingerprint LowCardinality(String)           COMMENT 'Of the key that its value is encrypted under',
    sealed      String                           COMMENT 'Value as it came first, encrypted and authenticated with brand, kind and handle by AES-SIV',
    _partition  UInt16                           COMMENT 'Partition of the log',
    _offset     UInt64                           COMMENT 'Offset of the frame that it came with'
)
ENGINE = ReplacingMergeTree ORDER BY (brand, handle, fingerprint)
COMMENT 'Values of handles that a brand keeps readable, encrypted';
