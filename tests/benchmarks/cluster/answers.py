"""Whether a program has done the job: each distinct event once, and the right sums of evidence."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from tests.benchmarks.cluster.events import Month

__all__ = ["Ask", "WrongAnswerError", "check", "rows"]

_SUMS = (
    "SELECT sum(attention), sum(attraction), sum(affinity), sum(audience), sum(advocacy) FROM evidence FINAL"
)
Ask = Callable[[str], Sequence[Sequence[Any]]]


class WrongAnswerError(RuntimeError):
    """Rows are missing or doubled, or sums are others."""


def rows(ask: Ask) -> int:
    """Return how many events there are by now."""
    return int(ask("SELECT count() FROM interactions")[0][0])


def check(name: str, made: Month, ask: Ask, *, sums: bool = True) -> None:
    """Raise WrongAnswerError unless the tables have what must come of these events."""
    found = tuple(ask("SELECT count(), uniqExact(event) FROM interactions")[0])
    if found != (made.events, made.events):
        raise WrongAnswerError(f"{name}: {found[0]} rows of {found[1]} events, not {made.events}")
    stages = [value or 0.0 for value in ask(_SUMS)[0]]
    if sums and not all(math.isclose(*pair, rel_tol=1e-9) for pair in zip(stages, made.sums, strict=True)):
        raise WrongAnswerError(f"{name}: sums of evidence are {stages}, not {made.sums}")
