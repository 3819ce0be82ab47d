"""The same tables, views and commands on a ClickHouse server as in a data directory."""
