"""Holds the server shell: commands on a ClickHouse server whose tables workers write."""
