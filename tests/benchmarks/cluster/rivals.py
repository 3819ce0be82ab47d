"""The programs that ours is compared with: their own environment of packages, and how each is started."""

import hashlib
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RIVALS", "Rival", "environment", "installed"]

_ROOT = Path(__file__).parents[3]
_SHARED = ("clickhouse-connect", "orjson", "pydantic")  # packages that all programs need


@dataclass(frozen=True, slots=True)
class Rival:
    """One program.

    Attributes
    ----------
    package
        That it is written for.
    share
        Part of the customers whose events it is given: some are slow, and the figure is per event.
    tables
        Faust's, whose changelog topics are made beforehand: with those that it makes itself an agent may start too
        early, crash with PartitionsMismatch, and lose what it had in hand.
    """

    name: str
    about: str
    module: str
    package: str
    share: float
    words: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    store: str = "rocksdb://"
    bare: bool = False


_WORKER = ("worker", "-l", "info", "--without-web")
_TABLES = ("seen", "evidence", "links")
RIVALS = (
    Rival("faust", "Faust, tables in RocksDB, as it says for production", "faust_program", "faust-streaming", 0.08, _WORKER, _TABLES),
    Rival(
        "faust-memory", "Faust, tables in memory, as it says for development", "faust_program", "faust-streaming", 0.08, _WORKER, _TABLES,
        store="memory://",
    ),
    Rival("quix", "Quix Streams, state in RocksDB", "quix_program", "quixstreams", 0.25),
    Rival("arroyo", "sentry-arroyo, batches, state in dictionaries", "arroyo_program", "sentry-arroyo", 0.25),
    Rival("aiokafka", "aiokafka, batches, state in dictionaries", "aiokafka_program", "aiokafka", 0.25),
    Rival(
        "bare", "aiokafka, batches: only parsed, repeats dropped, inserted", "aiokafka_program", "aiokafka", 0.25,
        bare=True,
    ),
)  # fmt: skip


def installed() -> tuple[Path, dict[str, str]]:
    """Return the Python that runs the programs, and, by program, why it cannot be run.

    The packages of the group `bench` are put in an environment that is made the first time.
    """
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    packages = [str(package) for package in project["dependency-groups"]["bench"]]
    name = hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()[:12]
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "customer-journey-engine" / f"bench-{name}"
    python, done = folder / "bin" / "python", folder / "done"
    if done.exists():
        return python, {}
    failed = _failure([sys.executable, "-m", "venv", "--clear", folder])
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if failed is None and (failed := _failure([*pip, *packages])) is None:
        done.touch()
        return python, {}
    if not python.exists():
        return python, {rival.name: str(failed) for rival in RIVALS}
    missing = {package: reason for package in packages if (reason := _failure([*pip, package]))}
    return python, {
        rival.name: f"{package}: {reason}"
        for rival in RIVALS
        for package, reason in missing.items()
        if package.startswith((rival.package, *_SHARED))
    }


def _failure(command: list[str | Path]) -> str | None:
    """Run a command; return the last thing that it says when it fails, None when it does not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stderr or done.stdout).strip().splitlines()
    return (said[-1] if said else f"exit code {done.returncode}") if done.returncode else None


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
