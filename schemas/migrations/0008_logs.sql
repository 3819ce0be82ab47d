-- Offsets count within one log. Which one tells a topic that was made anew from the one before, however far it has come.
ALTER TABLE deliveries
    ADD COLUMN IF NOT EXISTS log LowCardinality(String) DEFAULT '' COMMENT 'Id that Kafka gave to the topic when it was made; empty for a local log' AFTER received_at;
