"""Runs a panel's query, and returns its rows and the query with its parameters written in."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.clock import aware
from streams.page.scope import Scope
from streams.page.values import for_programs
from streams.page.view import Panel, Row
from streams.store.clickhouse import ClickHouse
from streams.store.sql import written

__all__ = ["Answered", "answer", "as_csv", "query_of"]

MOST_LINES = 1_000_000  # of a download


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows of a panel, with what Python adds to them; `more` says that there are others."""

    rows: Sequence[Row]
    more: bool = False


def answer(store: ClickHouse, panel: Panel, scope: Scope, most: int | None = None) -> Answered:
    """Ask a panel's query, for at most so many rows, else the panel's. Raises QueryError, StoreError, ScopeError."""
    most = most or panel.most
    found = store.rows(panel.sql, _parameters(panel, scope), {"limit": most + 1})
    rows = [{name: _json_value(value) for name, value in row.items()} for row in found[:most]]
    return Answered(panel.derive(rows, scope), len(found) > most)


def query_of(panel: Panel, scope: Scope) -> str:
    """Return the query as it can be copied and run."""
    return written(panel.sql, _parameters(panel, scope))


def _parameters(panel: Panel, scope: Scope) -> dict[str, Any]:
    return {**scope.parameters, **scope.own, **panel.parameters(scope)}


def _json_value(value: Any) -> Any:
    """Return None for what is no number, a share of nothing; times, which the client gives without a zone, in UTC."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return type(value)(_json_value(each) for each in value)
    return aware(value) if isinstance(value, datetime) else value


def as_csv(panel: Panel, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the table as lines of CSV (RFC 4180), the names of the query's columns first."""
    buffer = io.StringIO()
    lines = csv.writer(buffer)
    lines.writerow([column.name for column in panel.columns])
    for row in rows:
        lines.writerow([for_programs(row[column.name], column.kind) for column in panel.columns])
        if buffer.tell() > 2**16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
