"""Backup and restoration of data directories."""
