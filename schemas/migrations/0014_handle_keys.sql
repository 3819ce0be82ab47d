-- Which key the handles of all tables are hashed with: told by its fingerprint, from which it cannot be found. While
-- tables are filled anew under a successor it is begun; it is ready when all are, and in force once they have taken the
-- place of the old ones. The newest row holds. Few rows; ORDER BY reads them as they came.
CREATE TABLE handle_keys
(
    fingerprint String                       COMMENT 'Of the key with all its successors: the id that it makes of a handle nobody has',
    state       Enum8('begun' = 1, 'ready' = 2, 'in force' = 3) COMMENT 'ready: tables under it are there, beside those in use',
    at          DateTime64(6, 'UTC')         COMMENT 'Since when'
)
ENGINE = MergeTree ORDER BY (at, state)
COMMENT 'Keys of handles, by their fingerprints';
