"""Keeps audiences: named lists of customers by conditions in a file, and what changed in each."""
