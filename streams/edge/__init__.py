"""The edge: events come in here, and nowhere else; behind it nothing raw or unvalidated travels."""

from streams.edge.edge import Edge
from streams.edge.reasons import REASONS, Refused

__all__ = ["REASONS", "Edge", "Refused"]
