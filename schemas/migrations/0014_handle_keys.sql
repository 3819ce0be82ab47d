-- Which key the handles of all tables are hashed with. The table names a key by its fingerprint, from which the key
-- cannot be computed. A successor is "begun" while tables are filled again under it, "ready" when all are filled, and
-- "in force" once they have replaced the old ones. The newest row holds. The table has few rows; ORDER BY reads them
-- in the order of time.
CREATE TABLE handle_keys
(
    fingerprint String                       COMMENT 'Of the key with all its successors: the id that it makes of a handle nobody has',
    state       Enum8('begun' = 1, 'ready' = 2, 'in force' = 3) COMMENT 'ready: tables under it are there, beside those in use',
    at          DateTime64(6, 'UTC')         COMMENT 'Since when'
)
ENGINE = MergeTree ORDER BY (at, state)
COMMENT 'Keys of handles, by their fingerprints';
