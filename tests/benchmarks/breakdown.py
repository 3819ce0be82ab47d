"""Where the time of a load goes, and what the state weighs."""

import gc
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.edge import Edge
from streams.embedded import embedded as shell
from streams.embedded.embedded import Embedded
from streams.engine.engine import Engine
from streams.engine.identity import Identity
from streams.engine.intake import Intake
from streams.engine.journey import Journey
from streams.inputs.files import frames, lines_of
from streams.log.local import Log
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse

PARTS: list[tuple[Any, str, str]] = [
    (Edge, "pack", "edge: validate, hash, columns"),
    (shell, "encode", "frame to bytes"),
    (Log, "append", "log: append"),
    (Log, "commit", "log: commit"),
    (Engine, "step", "(a batch, in all)"),
    (Intake, "process", "intake: duplicates, books"),
    (Identity, "observe", "identity: handles"),
    (Identity, "process", "identity: links"),
    (Journey, "process", "journey: evidence"),
    (Journey, "announce", "journey: announcements"),
    (ClickHouse, "insert", "ClickHouse: inserts (its merges beside)"),
]


def run(folder: Path, path: Path) -> None:
    """Load a file in this process and print CPU per event by part."""
    spent: dict[str, float] = defaultdict(float)
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in PARTS]
    for owner, name, label in PARTS:
        setattr(owner, name, _timed(getattr(owner, name), spent, label))
    try:
        _load(folder, path, spent)
    finally:
        for owner, name, function in originals:
            setattr(owner, name, function)


def _timed(function: Callable[..., Any], spent: dict[str, float], label: str) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[label] += time.process_time() - started

    return timed


def _load(folder: Path, path: Path, spent: dict[str, float]) -> None:
    gc.set_threshold(200_000)
    with Embedded(Settings(folder / "breakdown")) as engine:
        started = time.process_time()
        outcome = engine.load(frames(lines_of(str(path)), engine.edge(), topic=path.name, clock=engine.clock))
        total = time.process_time() - started
        print(
            f"where the time goes ({total / outcome.received * 1e6:.2f} µs CPU/event in this process, all threads)"
        )
        for _, _, label in PARTS:
            print(f"  {spent[label] / outcome.received * 1e6:6.2f} µs  {label}")
        state = engine.engine
        handles, ids = len(state.identity.graph.handles), state.intake.seen
        size = state.identity.nbytes + state.journey.state.nbytes
        print(
            f"state: {handles:,} handles of {len(state.journey.state):,} (brand, handle) rows, {size / handles:.0f} bytes a handle (aim 250)"
        )
        print(f"state: {len(ids):,} remembered ids, {ids.nbytes / len(ids):.0f} bytes an id (aim 24)")
