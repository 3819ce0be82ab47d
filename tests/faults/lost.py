"""What a power cut can do to the files of a data directory, done by hand."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from streams.embedded.embedded import Embedded
from streams.settings import Settings
from tests.faults.child import KEY, NOW_US

FRAMES = 36  # of the history that is damaged
BOOKS = ("interactions", "deliveries", "dead_letters")
MODEL = ("models", "model_stages", "model_weights", "handle_keys", "migrations")


def opened(data: Path) -> Embedded:
    return Embedded(Settings(data, handle_key=KEY), clock=lambda: NOW_US)


def plain(found: dict) -> dict:
    """Return tables as a child would tell them."""
    return json.loads(json.dumps(found, default=str))


def parts_of(data: Path, table: str) -> list[Path]:
    """Return the parts of a table, the newest last. The directory must be closed.

    Parts that were merged into others are removed, as ClickHouse does after some minutes: they would stand in for what is damaged.
    """
    (made,) = (data / "clickhouse" / "store").glob(f"*/*/{table}.sql")
    uuid = re.search(r"UUID '([^']+)'", made.read_text())[1]
    folder = data / "clickhouse" / "store" / uuid[:3] / uuid
    blocks = {part: tuple(map(int, part.name.split("_")[1:])) for part in folder.glob("all_*")}
    merged = {
        part
        for part, (first, last, *depth) in blocks.items()
        if any(low <= first and last <= high and depth < deeper for low, high, *deeper in blocks.values())
    }
    for part in merged:
        shutil.rmtree(part)
    return sorted(blocks.keys() - merged, key=lambda part: blocks[part][1])


def empty(part: Path) -> None:
    for file in part.rglob("*"):
        if file.is_file():
            os.truncate(file, 0)


def newest_emptied(data: Path, table: str, _random: Random) -> None:
    empty(parts_of(data, table)[-1])


def newest_gone(data: Path, table: str, _random: Random) -> None:
    shutil.rmtree(parts_of(data, table)[-1])


def any_emptied(data: Path, table: str, random: Random) -> None:
    empty(random.choice(parts_of(data, table)))


def checksums_emptied(data: Path, table: str, random: Random) -> None:
    os.truncate(random.choice(parts_of(data, table)) / "checksums.txt", 0)


def data_cut(data: Path, table: str, random: Random) -> None:
    file = random.choice(parts_of(data, table)) / "data.bin"
    os.truncate(file, random.randrange(file.stat().st_size))


def all_gone(data: Path, table: str, _random: Random) -> None:
    for part in parts_of(data, table):
        shutil.rmtree(part)


def newest_zeroed(data: Path, table: str, _random: Random, name: str = "data.bin") -> None:
    """Leave a file of a part its length, and nothing of its content."""
    file = parts_of(data, table)[-1] / name
    file.write_bytes(bytes(file.stat().st_size))


def any_flipped(data: Path, table: str, random: Random) -> None:
    file = random.choice(parts_of(data, table)) / "data.bin"
    content = bytearray(file.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    file.write_bytes(content)


@contextmanager
def unseen(data: Path) -> Iterator[None]:
    """Leave sizes and times of files as they were meanwhile, as a disk does whose content rots."""
    before = {path: path.stat() for path in data.rglob("*")}
    yield
    for path, stat in before.items():
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


FILES: tuple[Callable[[Path, str, Random], None], ...] = (
    newest_emptied,
    newest_gone,
    any_emptied,
    checksums_emptied,
    data_cut,
    all_gone,
    newest_zeroed,
    any_flipped,
)


def delete_rows(embedded: Embedded, table: str, share: float, seed: int) -> None:
    """Delete some rows of a table, at least one, as somebody does with SQL."""
    embedded.doubt()
    (row,) = embedded.store.rows(f"SELECT count() AS n FROM {table}")
    names = ", ".join(column["name"] for column in embedded.store.rows(f"DESCRIBE TABLE {table}"))
    many, key = max(1, int(row["n"] * share)), f"cityHash64(toString(({names})), {seed})"
    embedded.store.client.command(
        f"ALTER TABLE {table} DELETE WHERE {key} IN (SELECT {key} AS h FROM {table} ORDER BY h LIMIT {many})"
        " SETTINGS mutations_sync = 2"
    )
