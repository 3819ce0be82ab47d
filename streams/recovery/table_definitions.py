"""Repairs the definitions of tables, files beside the data that say what each table is, where they can be recreated.

A view holds nothing, and a derived table nothing that cannot be computed from the interactions: a damaged definition
of these is set aside, under a name that says so, and recreated. Every other table needs its file back.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from streams.clock import from_us
from streams.faults import kill_point
from streams.recovery.derived_tables import FOLLOWING
from streams.store import migrations
from streams.store.clickhouse import ClickHouse
from streams.store.port import StoreError

__all__ = ["check", "complete"]

_UUID = re.compile(r"UUID '([0-9a-f-]{36})'")
_MERGE_TREE = "1"  # what every format_version.txt has


def check(tables: Path, now_us: int) -> list[str]:
    """Set aside damaged definitions that can be recreated; return what was done, a line each. The store must be closed.

    Raises
    ------
    StoreError
        The definition of another table is damaged; it names the file.
    """
    _restore_versions(tables)
    said = []
    for path in _damaged(tables):
        if path.stem not in _views() | set(FOLLOWING):
            raise StoreError(
                f"{path} is damaged, which says what the table {path.stem} is: its rows are there, and nothing can be opened"
                " until this file is restored from a backup of the data directory"
            )
        # Beside the others ClickHouse would refuse it.
        aside = tables.with_name(f"{path.stem}.damaged-{from_us(now_us):%Y%m%dT%H%M%S%fZ}.sql")
        with kill_point("definition.aside"):
            path.rename(aside)
        said.append(f"{path} was damaged and is kept as {aside.name}: {path.stem} is recreated")
    return said


def complete(store: ClickHouse, tables: Path) -> tuple[list[str], list[str]]:
    """Recreate missing views, and, empty, missing tables that follow from the interactions.

    Returns the names of those tables, and what is left of them, a line each.

    Raises
    ------
    StoreError
        Another table is not there.
    """
    there = {
        row["name"] for row in store.rows("SELECT name FROM system.tables WHERE database = currentDatabase()")
    }
    missing = migrations.made() - there
    if not missing:
        return [], []
    views, empty = missing & _views(), [table for table in FOLLOWING if table in missing]
    if lost := sorted(missing - views - set(empty)):
        raise StoreError(
            f"the table {lost[0]} is not there any more: restore its file {lost[0]}.sql under {tables / 'store'} from a"
            " backup of the data directory"
        )
    folders = ", ".join(str(folder) for folder in _unnamed(tables)) if empty else ""
    migrations.remake(store.client, missing)
    said = f"old rows of {', '.join(empty)} stay in {folders}, which journey forget does not reach: delete it when nobody needs it"
    return empty, [said] if folders else []


def _views() -> frozenset[str]:
    return migrations.made(views=True)


def _restore_versions(tables: Path) -> None:
    """Write again what a power cut took out of files that say the same for every table."""
    for detached in (tables / "store").glob("*/*/detached"):
        path = detached.with_name("format_version.txt")
        if not path.exists() or not path.stat().st_size:
            with kill_point("definition.version"):
                path.write_text(_MERGE_TREE, encoding="ascii")


def _damaged(tables: Path) -> Iterator[Path]:
    for path in sorted((*(tables / "store").glob("*/*/*.sql"), *(tables / "metadata").glob("*.sql"))):
        text = path.read_bytes()
        if not text.startswith(b"ATTACH ") or b"\0" in text or not text.endswith(b"\n"):
            yield path


def _unnamed(tables: Path) -> Sequence[Path]:
    """Return folders of rows that no definition names."""
    named = {
        found
        for path in (*(tables / "store").glob("*/*/*.sql"), *(tables / "metadata").glob("*.sql"))
        for found in _UUID.findall(path.read_text(encoding="utf-8", errors="replace"))
    }
    folders = (detached.parent for detached in (tables / "store").glob("*/*/detached"))
    return sorted(folder for folder in folders if folder.name not in named)
