"""Handles text: what a terminal may print, whole numbers, and JSON split at its brackets."""
