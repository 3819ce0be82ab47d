"""Series of the Numenta benchmark and its scorer, which lie beside the repository: ../shared, or JOURNEY_SHARED."""

import csv
import importlib.util
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

__all__ = ["NAMES", "OTHERS", "SCORER", "path", "points", "series", "total", "windows"]

SHARED = Path(os.environ.get("JOURNEY_SHARED") or Path(__file__).parents[2] / "shared")
SERIES = SHARED / "data" / "nab"
_OTHER = SHARED / "data" / "nab-other"  # counts of other kinds: requests, passengers, occupancy
SCORER = SHARED / "tools" / "nab_score.py"
NAMES = ("AAPL", "CRM", "FB", "KO", "PFE") if SERIES.exists() and SCORER.exists() else ()
OTHERS = tuple(sorted(path.stem for path in _OTHER.glob("*.csv"))) if SCORER.exists() else ()

Rows = list[tuple[float, float, tuple[int, int] | None]]


@cache
def scorer() -> ModuleType:
    """Return the scorer's own module."""
    spec = importlib.util.spec_from_file_location("nab_score", SCORER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def path(name: str) -> Path:
    """Return the file of a series."""
    return _OTHER / f"{name}.csv" if name in OTHERS else SERIES / f"Twitter_volume_{name}.csv"


@cache
def windows(name: str) -> list[list[str]]:
    """Return the labelled windows of a series, begin and end of each."""
    return json.loads((path(name).parent / "windows.json").read_text())[path(name).name]


@cache
def series(name: str) -> tuple[list[str], list[float]]:
    """Return timestamps and counts."""
    with path(name).open() as file:
        rows = list(csv.DictReader(file))
    return [row["timestamp"] for row in rows], [float(row["value"]) for row in rows]


def points(name: str, scores: Sequence[float]) -> Rows:
    """Return what the scorer makes of the scores of a series."""
    times, _ = series(name)
    return scorer().points([scorer().parse(time) for time in times], scores, windows(name))


def total(rows: Sequence[Rows], threshold: float) -> float:
    """Return the benchmark's score of some series together."""
    return scorer().total(rows, threshold)
