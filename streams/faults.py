"""Named points before and after every write, at which a test can kill the process. Free of cost when unarmed."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["BOUNDARIES", "arm", "boundary", "points"]

# Every write that the engine makes stands in a `with boundary(...)` of one of these names; a test walks the code.
BOUNDARIES: tuple[str, ...] = (
    "key.write",
    "log.open",
    "log.skip",
    "log.append",
    "log.commit",
    "migration.open",
    "migration.apply",
    "migration.book",
    "store.open",
    "store.durable",
    "store.merges",
    "model.write",
    "model.evidence",
    "model.activate",
    "sql.insert",
    "insert.interactions",
    "insert.identity_links",
    "insert.identity_map",
    "insert.evidence",
    "insert.minute_counts",
    "insert.stage_changes",
    "insert.dead_letters",
    "insert.deliveries",
    "insert.dead_letter_replays",
)

_armed: list[tuple[str, int]] = []


def points() -> tuple[str, ...]:
    """Return every point at which `arm` can strike: before and after each boundary."""
    return tuple(f"{name}.{side}" for name in BOUNDARIES for side in ("before", "after"))


def arm(point: str, hits: int = 1) -> None:
    """Kill this process (SIGKILL) when it comes to `point` for the `hits`-th time.

    Raises
    ------
    ValueError
        There is no such point.
    """
    if point not in points():
        raise ValueError(f"no fault point {point!r}; there are {', '.join(points())}")
    _armed[:] = [(point, hits)]


@contextmanager
def boundary(name: str) -> Iterator[None]:
    """Mark the one write inside as a place where the process may die just before and just after."""
    if _armed:
        _strike(f"{name}.before")
    yield
    if _armed:
        _strike(f"{name}.after")


def _strike(point: str) -> None:
    armed, hits = _armed[0]
    if armed != point:
        return
    if hits > 1:
        _armed[0] = (armed, hits - 1)
        return
    os.kill(os.getpid(), signal.SIGKILL)
