"""Holds the A-Path models of a store: the active one, what another would change, and the SQL that weighs history."""
