"""Runs a panel's query, and returns its rows and the query with its parameters written in."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from streams.clock import aware
from streams.page.described import Described, described
from streams.page.scope import Scope
from streams.page.values import for_programs
from streams.page.view import MOST_ROWS, Panel, Row
from streams.store.clickhouse import ClickHouse
from streams.store.sql import written

__all__ = ["Answered", "all_rows", "answer", "as_csv", "query_of"]

MOST_LINES = 1_000_000  # of a download


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows of a panel, with what Python adds to them.

    Attributes
    ----------
    more
        Whether there are others after them.
    count
        How many there are in all; None where they are all here.
    people
        The customers that rows name, as people know them.
    """

    rows: Sequence[Row]
    more: bool = False
    count: int | None = None
    people: Mapping[int, Described] = field(default_factory=dict)


def answer(store: ClickHouse, panel: Panel, scope: Scope) -> Answered:
    """Ask a panel's query: for the page of a list, else for all that is computed from it. Raises QueryError, StoreError, ScopeError."""
    page = panel.page(scope)
    found = _asked(store, panel, scope, panel.most, page * panel.most)
    rows, more = found[: panel.most], len(found) > panel.most
    count = None
    if panel.is_list and (more or page):
        counted = f"SELECT count() FROM ({panel.sql})"
        count = int(store.query(counted, _parameters(panel, scope))[0][0])
    shown = _local(panel.derive(rows, scope), scope)
    names = [column.name for column in panel.columns if column.kind == "customer"]
    ids = {row[name] for row in shown[:MOST_ROWS] for name in names if row[name] is not None}
    return Answered(shown, more, count, described(store, scope, ids))


def all_rows(store: ClickHouse, panel: Panel, scope: Scope, most: int = MOST_LINES) -> Answered:
    """Ask a panel's query for all of its rows, at most so many, to be downloaded. Raises as `answer`."""
    found = _asked(store, panel, scope, most, 0)
    return Answered(_local(panel.derive(found[:most], scope), scope), len(found) > most)


def _asked(store: ClickHouse, panel: Panel, scope: Scope, most: int, offset: int) -> list[Row]:
    settings = {"limit": most + 1} | ({"offset": offset} if offset else {})
    found = store.rows(panel.ordered(scope), _parameters(panel, scope), settings)
    return [{name: _json_value(value) for name, value in row.items()} for row in found]


def _local(rows: Sequence[Row], scope: Scope) -> list[Row]:
    """Return rows whose times are in the brand's zone: drawings, tables and downloads show them as they are."""
    return [{name: _local_value(value, scope) for name, value in row.items()} for row in rows]


def _local_value(value: Any, scope: Scope) -> Any:
    if isinstance(value, datetime):
        return scope.local(value)
    return (
        type(value)(_local_value(each, scope) for each in value) if isinstance(value, list | tuple) else value
    )


def query_of(panel: Panel, scope: Scope) -> str:
    """Return the query as it can be copied and run."""
    return written(panel.ordered(scope), _parameters(panel, scope))


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
