-- An announcement cannot be recomputed, since when it was made depends on the batches. Its content is therefore sealed
-- with a hash when it is written, so that `journey verify` finds a row that was changed. The hash leaves out the
-- customer, whom a rotated key renames, and the partition, which is renumbered when a topic is recreated.
ALTER TABLE stage_changes
    ADD COLUMN IF NOT EXISTS seal UInt64 DEFAULT sipHash64(brand, from_stage, to_stage, at, reason, model, announced_at, sequence, _offset) COMMENT 'Hash of what the row says, except of the customer and the partition, when it was written' AFTER _offset;
