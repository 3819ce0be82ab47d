"""A retailer's month, made up: personas play episodes, and the episodes leave events."""
