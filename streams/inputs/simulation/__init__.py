"""Simulates a retailer's month: personas play episodes, and the episodes leave events."""
