"""The edge: events come in here, and nowhere else; behind it nothing raw or unvalidated travels."""

from streams.edge.edge import Edge, Letters, Rows, Screen
from streams.edge.reasons import REASONS, Refused

__all__ = ["REASONS", "Edge", "Letters", "Refused", "Rows", "Screen"]
