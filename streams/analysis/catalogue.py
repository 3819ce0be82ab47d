"""Reads the catalogue of a store's tables and views: comments, columns, and which is made from which."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from streams.store.clickhouse import ClickHouse

__all__ = ["Column", "Relation", "catalogue"]

_TABLES = """SELECT name, engine, comment, sorting_key, as_select
FROM system.tables WHERE database = {database:String} AND NOT endsWith(name, '_local') ORDER BY name"""
_COLUMNS = """SELECT table, name, type, comment
FROM system.columns WHERE database = {database:String} ORDER BY table, position"""
_WORD = re.compile(r"\b(?:FROM|JOIN)\s+\(*(?:\w+\.)?(\w+)")
_PARAMETER = re.compile(r"\{(\w+):((?:[^{}'()]|\([^()]*\))+)\}")
_REASON = re.compile(r"((?:^-- [^\n]*\n)+)CREATE (?:TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its ClickHouse type, and its comment."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view.

    Attributes
    ----------
    kind
        ``view``, or the table's engine.
    comment, reason
        What it gives; why it is made as it is, from the migration, "" where that says nothing.
    sorting_key, sql
        Of a table, "" for a view; of a view, "" for a table.
    parameters
        (name, type) of a view that takes arguments. Such a view has no columns of its own.
    made_from, used_by
        Names of the relations that it reads; of those that read it.
    """

    name: str
    kind: str
    comment: str
    reason: str
    sorting_key: str
    sql: str
    columns: Sequence[Column]
    parameters: Sequence[tuple[str, str]]
    made_from: Sequence[str]
    used_by: Sequence[str]


def catalogue(store: ClickHouse) -> list[Relation]:
    """Return all tables and views of a store, by name."""
    asked = {"database": store.database}
    rows = store.rows(_TABLES, asked)
    columns: dict[str, list[Column]] = {}
    for row in store.rows(_COLUMNS, asked):
        columns.setdefault(row["table"], []).append(Column(row["name"], row["type"], row["comment"]))
    names = {row["name"] for row in rows}
    read = {row["name"]: sorted(_read_by(row["as_select"], names)) for row in rows}
    reasons = _reasons()
    return [
        Relation(
            name=row["name"],
            kind=row["engine"].lower() if row["engine"] == "View" else row["engine"],
            comment=row["comment"],
            reason=reasons.get(row["name"], ""),
            sorting_key=row["sorting_key"],
            sql=row["as_select"],
            columns=columns.get(row["name"], []),
            parameters=tuple(dict(_PARAMETER.findall(row["as_select"])).items()),
            made_from=read[row["name"]],
            used_by=_readers(row["name"], read),
        )
        for row in rows
    ]


def _read_by(sql: str, names: set[str]) -> set[str]:
    """Return the relations that a view's SQL reads: names after FROM and JOIN that are none of its own."""
    own = set(re.findall(r"\b(\w+) AS \(\s*SELECT", sql))
    return set(_WORD.findall(sql)) & names - own


def _readers(name: str, read: Mapping[str, Sequence[str]]) -> list[str]:
    return [reader for reader, names in read.items() if name in names]


def _reasons() -> dict[str, str]:
    """Return the comment above each CREATE of the migrations; of several the last."""
    folder = files("schemas").joinpath("migrations")
    texts = [
        entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    ]
    return {
        name: " ".join(line.removeprefix("-- ") for line in block.splitlines())
        for text in texts
        for block, name in _REASON.findall(text)
    }
