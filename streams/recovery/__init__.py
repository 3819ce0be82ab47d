"""Recovers a data directory: finds what was lost, salvages a damaged log, and rebuilds derived tables."""
