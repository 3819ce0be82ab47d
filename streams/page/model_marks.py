"""Reads when which A-Path model came into force, to be marked on charts over time."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from streams.clock import aware, with_offset
from streams.store.clickhouse import ClickHouse

__all__ = ["ModelMark", "model_marks"]

_MOST = 100  # the latest


@dataclass(frozen=True, slots=True)
class ModelMark:
    """The moment at which a model came into force in place of another."""

    at: datetime
    name: str

    def said(self, zone: tzinfo) -> str:
        """Return the moment in words, by the clocks of a zone."""
        at = f"{with_offset(self.at, zone):%-d %b %Y %H:%M} {zone}"
        return f"Model {self.name} came into force on {at}; all figures are by the model in force now"


def model_marks(store: ClickHouse) -> tuple[ModelMark, ...]:
    """Return the changes, the first to come into force first; the first model of all is none."""
    rows = store.rows(f"SELECT activated_at, name, sequence FROM models ORDER BY sequence DESC LIMIT {_MOST}")
    found = [ModelMark(aware(row["activated_at"]), row["name"]) for row in reversed(rows)]
    return tuple(found[1:] if len(rows) < _MOST else found)
