"""Reads the inputs of the command line: files, SQL queries, counts from CSV, and simulated events."""
