"""Figures of the distributed shell on one machine: a real Kafka, a real ClickHouse, our processes and others'."""
