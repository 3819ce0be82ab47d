"""Audiences: the file, the queries, the upkeep, and what must never come back."""
