"""The programs that ours is compared with: their own environment of packages, and how each is started."""

import hashlib
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RIVALS", "Rival", "Unavailable", "environment", "interpreter"]

_ROOT = Path(__file__).parents[3]


class Unavailable(Exception):  # noqa: N818 — not an error: these programs are left out
    """The programs' packages cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Rival:
    """One program.

    Attributes
    ----------
    share
        Part of the customers whose events it is given: some are slow, and the figure is per event.
    tables
        Faust's, whose changelog topics are made beforehand: with those that it makes itself an agent may start too
        early, crash with PartitionsMismatch, and lose what it had in hand.
    """

    name: str
    about: str
    module: str
    share: float
    words: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    store: str = "rocksdb://"
    bare: bool = False


_WORKER = ("worker", "-l", "warn", "--without-web")
_TABLES = ("seen", "evidence", "links")
RIVALS = (
    Rival("faust", "Faust, tables in RocksDB, as it says for production", "faust_program", 0.08, _WORKER, _TABLES),
    Rival(
        "faust-memory", "Faust, tables in memory, as it says for development", "faust_program", 0.08, _WORKER, _TABLES,
        store="memory://",
    ),
    Rival("quix", "Quix Streams, state in RocksDB", "quix_program", 0.25),
    Rival("arroyo", "sentry-arroyo, batches, state in dictionaries", "arroyo_program", 0.25),
    Rival("aiokafka", "aiokafka, batches, state in dictionaries", "aiokafka_program", 0.25),
    Rival(
        "bare", "aiokafka, batches: only parsed, repeats dropped, inserted", "aiokafka_program", 0.25,
        bare=True,
    ),
)  # fmt: skip


def _packages() -> list[str]:
    """Return the pinned packages of the group `bench`."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    return [str(package) for package in project["dependency-groups"]["bench"]]


def interpreter() -> Path:
    """Return the Python that runs the programs, in an environment that is made the first time.

    Raises
    ------
    Unavailable
        A package cannot be installed.
    """
    packages = _packages()
    name = hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()[:12]
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "customer-journey-engine" / f"bench-{name}"
    python, done = folder / "bin" / "python", folder / "done"
    if not done.exists():
        _run([sys.executable, "-m", "venv", "--clear", folder])
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
        done.touch()
    return python


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable((done.stderr or done.stdout).strip().splitlines()[-1])


def environment(
    rival: Rival, *, kafka: str, dsn: str, topic: str, group: str, partitions: int, folder: Path
) -> dict[str, str]:
    """Return the environment that a program reads."""
    return os.environ | {
        "RIVAL_KAFKA": kafka,
        "RIVAL_CLICKHOUSE": dsn,
        "RIVAL_TOPIC": topic,
        "RIVAL_GROUP": group,
        "RIVAL_PARTITIONS": str(partitions),
        "RIVAL_FOLDER": str(folder),
        "RIVAL_STORE": rival.store,
        "RIVAL_BARE": str(int(rival.bare)),
        "PYTHONPATH": str(_ROOT),
        "TZ": "UTC",
    }
