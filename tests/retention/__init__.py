"""Retention: interactions expire, and what they gave stays."""
