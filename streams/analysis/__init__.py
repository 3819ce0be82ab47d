"""Analyses stored journeys: explain, cascades, the cookbook, the catalogue of tables, and verify."""
