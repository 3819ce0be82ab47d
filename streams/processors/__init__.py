"""Processors: state machines over batches. They know no Faust, no Kafka, no ClickHouse and no clock."""
