"""Keeps the paths of customers up to date in a table, off the path of events."""
