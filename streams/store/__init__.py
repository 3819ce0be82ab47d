"""Connects to ClickHouse: the client, migrations, settings of queries, inserts, and pools of connections."""
