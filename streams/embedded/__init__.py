"""Runs the embedded shell: one process, a local log in the place of Kafka, the ClickHouse engine as a library."""
