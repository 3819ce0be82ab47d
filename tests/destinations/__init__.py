"""Destinations of audiences: topics, files, object stores, customer data platforms."""
