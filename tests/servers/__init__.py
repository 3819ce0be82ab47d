"""Real servers for tests: Apache Kafka and ClickHouse, each a process of its own, without containers."""
