-- A write key may say that handles are one person only where that is granted. Keys that exist already keep what they
-- could do.
ALTER TABLE write_keys
    ADD COLUMN IF NOT EXISTS predates_identity Bool DEFAULT true COMMENT 'Whether it was made when every key could join several handles of an event: it still can' AFTER version;
