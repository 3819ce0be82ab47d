"""Finds parts of tables whose files have other bytes than were written; saves the rows that can be read, sets the rest aside.

A power cut can leave a file with its length and without its content. ClickHouse compares it only when a query reads it, and
then every query of that table fails. To compare everything takes about 0.1 s for a million events: so it is done where
a directory was not closed in order, and where a query has failed.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse, ClickHouseError, QueryError

__all__ = ["UnreadablePart", "failures", "find", "mended"]

# How ClickHouse names what is wrong with such files. Whatever else it says is no fault of the part.
_NAMES = (
    "ATTEMPT_TO_READ_AFTER_EOF",
    "BAD_SIZE_OF_FILE_IN_DATA_PART",
    "BROKEN_PROJECTION",
    "CANNOT_DECOMPRESS",
    "CANNOT_READ_ALL_DATA",
    "CHECKSUM_DOESNT_MATCH",
    "CORRUPTED_DATA",
    "TOO_LARGE_SIZE_COMPRESSED",
    "UNKNOWN_CODEC",
)
_CHECK = "CHECK ALL TABLES SETTINGS check_query_single_value_result = 0"
_PARTS = "SELECT table, name, path FROM system.parts WHERE active AND database = currentDatabase()"
# Files besides these hold the rows, or say how to read them.
_OF_ROWS = re.compile(r"Checksum mismatch for file (?!primary\.|skp_idx)")
_ROWS = (
    "SELECT count() FROM {table} WHERE _part = '{name}' AND NOT ignore(*)"
    " SETTINGS optimize_use_projections = 0, use_skip_indexes = 0"
)
_FAILURES = f"SELECT concat('failures=', toString(sum(value))) FROM system.errors WHERE name IN {_NAMES}"
_ASIDE = "broken-on-start"  # ClickHouse's own word for a part that it sets aside at a start
_REWRITTEN = "an index of the table {table} was damaged, and is made anew from its rows: nothing is lost"


@dataclass(frozen=True, slots=True)
class UnreadablePart:
    """A part of a table with a file that cannot be read, and its folder; `has_rows` where that is an index or a projection."""

    table: str
    name: str
    folder: Path
    has_rows: bool


def mended(opened: Callable[[], ClickHouse]) -> tuple[ClickHouse, list[str]]:
    """Open a store, and have it without parts that cannot be read; return it, and what was mended, a line each.

    Older parts that stand in for one that is set aside are looked at too.
    """
    store = opened()
    rewritten: set[str] = set()
    try:
        while unreadable := find(store):
            if lost := [part for part in unreadable if not part.has_rows or part.table in rewritten]:
                store.close()
                _set_aside(lost)
                store = opened()
                continue
            for table in {part.table for part in unreadable}:
                _rewrite(store, table)
                rewritten.add(table)
    except BaseException:
        store.close()
        raise
    return store, [_REWRITTEN.format(table=table) for table in sorted(rewritten)]


def find(store: ClickHouse) -> list[UnreadablePart]:
    """Compare every file of every table with its checksum; return the parts in use where one differs."""
    checks = [json.loads(line) for line in store.raw(_CHECK, "JSONEachRow").splitlines()]
    failed = {
        (check["table"], check["part_path"]): str(check["message"])
        for check in checks
        if check["database"] == store.database
        and not check["is_passed"]
        and any(name in check["message"] for name in _NAMES)
    }
    if not failed:
        return []
    return [
        UnreadablePart(*place, Path(row["path"]), _has_rows(store, *place, failed[place]))
        for row in store.rows(_PARTS)
        if (place := (row["table"], row["name"])) in failed
    ]


def _has_rows(store: ClickHouse, table: str, name: str, message: str) -> bool:
    if _OF_ROWS.search(message) and "BROKEN_PROJECTION" not in message:
        return False
    try:
        store.raw(_ROWS.format(table=table, name=name), "TSV")
    except QueryError:
        return False
    return True


def _rewrite(store: ClickHouse, table: str) -> None:
    """Have ClickHouse write the parts of a table again, with indexes and projections, from their rows."""
    try:
        with kill_point("store.damage"):
            store.client.command(f"ALTER TABLE {table} REWRITE PARTS SETTINGS mutations_sync = 2")
    except ClickHouseError:  # it would be tried again for ever
        with kill_point("store.damage"):
            store.client.command(
                f"KILL MUTATION WHERE database = currentDatabase() AND table = '{table}' AND NOT is_done SYNC"
            )


def _set_aside(parts: Iterable[UnreadablePart]) -> None:
    """Move parts to where ClickHouse has those that it set aside; the store must be closed."""
    for part in parts:
        detached = part.folder.parent / "detached"
        aside, tries = detached / f"{_ASIDE}_{part.name}", 0
        while aside.exists():
            tries += 1
            aside = detached / f"{_ASIDE}_{part.name}_try{tries}"
        with kill_point("store.damage"):
            part.folder.rename(aside)


def failures(store: ClickHouse) -> float:
    """Return how often this process could not read a file of a part; infinite where it cannot even say that."""
    try:
        found = re.search(rb"failures=(\d+)\n$", store.raw(_FAILURES, "TSV"))
    except QueryError:
        found = None
    return int(found[1]) if found else float("inf")
