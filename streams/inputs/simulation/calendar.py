"""Draws when events happen: the simulated days, with their rhythm over the day and over the week."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.inputs.simulation.episodes import Rhythm

__all__ = ["DAY_US", "MINUTE_US", "NEVER", "Calendar"]

MINUTE_US: Final = 60_000_000
DAY_US: Final = 1_440 * MINUTE_US
NEVER: Final = np.iinfo(np.int64).max

# Weight of each hour from 0 to 23.
_HOURS: Final[dict[Rhythm, tuple[float, ...]]] = {
    "online": (2, 1, 0.5, 0.3, 0.3, 0.5, 2, 4, 5, 5, 6, 6, 8, 7, 5, 5, 6, 7, 9, 11, 13, 12, 8, 4),
    "store": (*[0] * 9, 2, 5, 7, 9, 7, 6, 7, 9, 11, 10, 5, *[0] * 4),
    "desk": (*[0] * 8, 3, 8, 9, 8, 5, 6, 8, 8, 7, 4, 1, *[0] * 5),
    "mail": (*[0] * 9, 1, *[0] * 14),
}
# Chance that a day is taken, Monday to Sunday, against the busiest.
_WEEK: Final[dict[Rhythm, tuple[float, ...]]] = {
    "online": (0.7, 0.7, 0.75, 0.75, 0.7, 0.8, 1.0),
    "store": (0.4, 0.45, 0.55, 0.5, 0.7, 1.0, 0.25),
    "desk": (1.0, 0.9, 0.8, 0.8, 0.8, 0.3, 0.05),
    "mail": (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0),  # two sendings a week
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRIES: Final = 6  # days drawn before any is taken


@dataclass(frozen=True)
class Calendar:
    """The simulated days, from `start` (aware; its offset is the clock that people live by)."""

    start: datetime
    days: int

    @property
    def start_us(self) -> int:
        """First moment, in microseconds since 1970."""
        return _microseconds(self.start)

    @property
    def end_us(self) -> int:
        """First moment after the last day, in microseconds since 1970."""
        return self.start_us + self.days * DAY_US

    def draw(
        self, rng: np.random.Generator, first: NDArray[np.int64], last: NDArray[np.int64], rhythm: Rhythm
    ) -> NDArray[np.int64]:
        """Draw one time for each range of days (counted from 0, both inclusive), in microseconds since 1970."""
        week = np.array(_WEEK[rhythm])
        day = rng.integers(first, last + 1)
        for _ in range(_TRIES):
            refused = rng.random(len(day)) >= week[(self.start.weekday() + day) % 7]
            day = np.where(refused, rng.integers(first, last + 1), day)
        hours = np.cumsum(_HOURS[rhythm]) / np.sum(_HOURS[rhythm])
        hour = np.searchsorted(hours, rng.random(len(day)), side="right")
        midnight = _microseconds(self.start.replace(hour=0, minute=0, second=0, microsecond=0))
        within = (rng.random(len(day)) * 60 * MINUTE_US).astype(np.int64)
        at: NDArray[np.int64] = midnight + day * DAY_US + hour * 60 * MINUTE_US + within
        return np.where(at < self.start_us, at + DAY_US, at)  # the first day may begin in the afternoon


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
