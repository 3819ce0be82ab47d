"""Looking for people: in every column of every table, and in every byte of every file."""

import struct
from collections.abc import Collection, Iterable
from pathlib import Path

from streams.store.clickhouse import ClickHouse

__all__ = ["in_files", "in_tables", "patterns"]


def patterns(raw: Iterable[str], handles: Collection[int]) -> list[bytes]:
    """Return the bytes that tell of somebody: values as they came, and ids as numbers, hex digits and columns."""
    found = [value.encode() for value in raw]
    for handle in handles:
        found += [str(handle).encode(), f"{handle:016x}".encode(), struct.pack("<Q", handle)]
    return found


def in_files(folder: Path, wanted: Collection[bytes], *, but: Collection[str] = ()) -> list[str]:
    """Return the files that have any of these bytes, and which."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in but:
            data = path.read_bytes()
            found += [f"{path}: {one!r}" for one in wanted if one in data]
    return found


def in_tables(store: ClickHouse, wanted: Collection[bytes]) -> list[str]:
    """Return the tables with a row that has any of these texts, in any column."""
    found = []
    texts = [one for one in wanted if one.isascii() and len(one) > 8]
    tables = store.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    names = [row["name"] for row in tables] or _here(store)
    for name in names:
        rows = store.raw(f"SELECT * FROM {name}", "TSVRaw")
        found += [f"{name}: {one!r}" for one in texts if one in rows]
    return found


def _here(store: ClickHouse) -> list[str]:
    rows = store.rows(
        "SELECT name FROM system.tables WHERE database = {name:String} AND engine LIKE '%MergeTree'",
        {"name": store.database},
    )
    assert rows
    return [row["name"] for row in rows]
