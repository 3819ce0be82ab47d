"""Keeps destinations in sync with audiences: topics, files, object stores and customer data platforms."""
