"""Validates and hashes every event on its way in; behind the edge nothing raw or unvalidated travels."""

from streams.edge.edge import Edge, Letters, Rows, Screen
from streams.edge.reasons import REASONS, Refused

__all__ = ["REASONS", "Edge", "Letters", "Refused", "Rows", "Screen"]
