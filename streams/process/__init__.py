"""Handles the process itself: shutdown, stuck threads, degraded functions, and private files."""
