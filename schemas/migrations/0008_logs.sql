-- Offsets count within one log. The id of the log tells a recreated topic from the one before, however far its offsets
-- have come.
ALTER TABLE deliveries
    ADD COLUMN IF NOT EXISTS log LowCardinality(String) DEFAULT '' COMMENT 'Id that Kafka gave to the topic when it was made; empty for a local log' AFTER received_at;
