"""Makes an image of an open data directory as of one instant: a tree of hard links to the tables' files, and small copies.

The thread of the engine makes it between two batches, so tables and log are as of the same batch. Files of tables never
change once they are written, so links are enough; the log and the write keys are copied by SQLite.
"""

import os
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile, rmtree

from journey.errors import UserError
from streams.faults import kill_point
from streams.process.private_files import private_file
from streams.store.clickhouse import DATABASE, ClickHouse

__all__ = ["KEY_FILES", "BackupError", "Image", "clear", "discard", "made"]

KEY_FILES = ("handle.key", "handle.key.next", "readable.key")
_FOLDER = "images"
_SQLITE = ("log.sqlite", "keys.sqlite")
_SMALL = ("brands", "rules", "model")
_TABLES = f"""
SELECT name, toString(uuid) AS uuid, total_rows AS rows FROM system.tables
WHERE database = '{DATABASE}' AND endsWith(engine, 'MergeTree') ORDER BY name
"""
_FIRST_LINES = ("format_version.txt",)  # what a folder of a table has beside its parts


class BackupError(UserError, RuntimeError):
    """An error of a backup that cannot be made, or of one that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its folder, the instant that it is of, the fingerprint of the handle key, and the rows of each table."""

    path: str
    at_us: int
    key: str
    rows: Mapping[str, int]


def made(store: ClickHouse, data: Path, at_us: int, key: str, *, with_key: bool) -> Image:
    """Make an image; nobody may be writing to tables of the engine.

    Raises
    ------
    BackupError
        A file that belongs to it cannot be read, or the key is asked for and is not in the directory.
    """
    if with_key and not (data / KEY_FILES[0]).exists():
        raise BackupError(
            f"there is no {KEY_FILES[0]} in {data}: the key is in JOURNEY_HANDLE_KEY, or a file of its own; keep that,"
            " and leave out --with-key"
        )
    image = data / _FOLDER / secrets.token_hex(8)
    with kill_point("backup.image"):
        image.mkdir(mode=0o700, parents=True)
    try:
        rows = _tables(store, data / "clickhouse", image)
        _files(data, image, _SMALL + (KEY_FILES if with_key else ()))
    except BaseException:
        discard(image)
        raise
    return Image(str(image), at_us, key, rows)


def discard(image: Path) -> None:
    """Delete an image."""
    with kill_point("backup.discard"):
        rmtree(image, ignore_errors=True)
    with suppress(OSError):
        image.parent.rmdir()  # unless another image is in it


def clear(data: Path) -> None:
    """Delete the images that a process which was killed has left."""
    for folder in (data / _FOLDER, data / "clickhouse" / "shadow"):
        for path in folder.glob("*/"):
            discard(path)


def _tables(store: ClickHouse, engine: Path, image: Path) -> dict[str, int]:
    """Have ClickHouse freeze each table, and put that into the image with the definitions of tables and views."""
    tables = store.rows(_TABLES)
    frozen = engine / "shadow" / image.name
    for table in tables:
        if table["rows"]:
            with kill_point("backup.freeze"):
                store.client.command(
                    f"ALTER TABLE {DATABASE}.{table['name']} FREEZE WITH NAME '{image.name}'"
                )
    target = image / "clickhouse"
    with kill_point("backup.image"):
        target.mkdir(mode=0o700)
        if (frozen / "store").exists():
            (frozen / "store").rename(target / "store")
        rmtree(frozen, ignore_errors=True)
        _definitions(store, engine, target)
        for table in tables:
            folder = _folder(table["uuid"])
            for name in _FIRST_LINES:
                _copied(engine / folder / name, target / folder / name)
    return {str(table["name"]): int(table["rows"] or 0) for table in tables}


def _definitions(store: ClickHouse, engine: Path, target: Path) -> None:
    (row,) = store.rows(f"SELECT toString(uuid) AS uuid FROM system.databases WHERE name = '{DATABASE}'")
    folder = _folder(row["uuid"])
    for definition in (engine / folder).glob("*.sql"):
        _copied(definition, target / folder / definition.name)
    _copied(engine / "metadata" / f"{DATABASE}.sql", target / "metadata" / f"{DATABASE}.sql")


def _folder(uuid: str) -> Path:
    return Path("store", uuid[:3], uuid)


def _copied(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copyfile(source, target)


def _files(data: Path, image: Path, names: Sequence[str]) -> None:
    for name in _SQLITE:
        if (data / name).exists():
            _database(data / name, image / name)
    for name in names:
        if (data / name).exists():
            private_file(image / name)
            with kill_point("backup.image"):
                copyfile(data / name, image / name)


def _database(source: Path, target: Path) -> None:
    """Copy a database that others may be writing to, as of one of its transactions."""
    private_file(target)
    try:
        with (
            closing(sqlite3.connect(source, isolation_level=None)) as old,
            closing(sqlite3.connect(target, isolation_level=None)) as new,
            kill_point("backup.image"),
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # a file alone, without companions
            new.execute("VACUUM")  # most of a log is room of frames that were let go
    except sqlite3.Error as error:
        raise BackupError(
            f"{source} cannot be copied: {error}; journey verify says what is wrong with it"
        ) from error
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    os.utime(target)
