"""Holds the domain: evidence, stages, identity and the columns that keep their state.

It does no I/O and reads neither clock nor environment.
"""
