"""Which event ids were seen, and at which position of the log each was seen first: duplicates against replays.

A repeat of an event is a *replay* when it stands at the very position where the event was first seen (the log
is read again after a crash), and a *duplicate* anywhere else. Ids are remembered for a window of event time,
24 bytes each; older ones are to be looked up where the events are stored. A repeat carries the time of the
first, or one at most `slack_us` from it (a corrected clock).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journey.column import merge_runs

__all__ = ["UNSEEN", "Ids", "SeenIds", "duplicates", "position"]

UNSEEN = np.iinfo(np.uint64).max
_BUCKETS = 8  # parts of the window that are forgotten one at a time
_PARTITION_SHIFT = np.uint64(48)

U64 = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Ids:
    """128-bit event ids as two columns, with the time of each event in microseconds."""

    high: U64
    low: U64
    time_us: NDArray[np.int64]


def position(partition: NDArray[np.integer], offset: NDArray[np.integer]) -> U64:
    """Return one number for a place in a log of many partitions (2**16 of them, 2**48 offsets each)."""
    return (partition.astype(np.uint64) << _PARTITION_SHIFT) | offset.astype(np.uint64)


class SeenIds:
    """Ids of the last `window_us` of event time. Bounded by that window's events; state, not policy."""

    def __init__(self, window_us: int) -> None:
        self.window_us = window_us
        self.slack_us = max(1, window_us // _BUCKETS)
        self.newest_us: int | None = None
        self._buckets: dict[int, list[tuple[U64, U64, U64]]] = {}

    def __len__(self) -> int:
        return sum(len(run[0]) for runs in self._buckets.values() for run in runs)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for runs in self._buckets.values() for run in runs for column in run)

    @property
    def horizon_us(self) -> int | None:
        """Every id of an event at or after this instant is remembered; None while none was seen."""
        return None if self.newest_us is None else self.newest_us - self.window_us

    def beyond(self, ids: Ids) -> NDArray[np.bool_]:
        """Mark the ids that may have been seen before the horizon: only the store knows."""
        if self.horizon_us is None:
            return np.zeros(len(ids.high), dtype=bool)
        return ids.time_us < self.horizon_us + self.slack_us

    def first_positions(self, ids: Ids) -> U64:
        """Return where each id was seen first, or UNSEEN."""
        found = np.full(len(ids.high), UNSEEN, dtype=np.uint64)
        bucket = ids.time_us // self.slack_us
        for number in np.unique(bucket):
            rows = np.flatnonzero(bucket == number)
            for near in (number - 1, number, number + 1):
                for run in self._buckets.get(int(near), ()):
                    _search(run, ids, rows, found)
        return found

    def remember(self, ids: Ids, positions: U64) -> None:
        """Add ids that are distinct and unseen, then forget what has left the window."""
        if not len(ids.high):
            return
        newest = int(ids.time_us.max())
        self.newest_us = newest if self.newest_us is None else max(self.newest_us, newest)
        bucket = ids.time_us // self.slack_us
        last = (self.newest_us - self.window_us) // self.slack_us
        for number in np.unique(bucket[bucket >= last]):
            rows = np.flatnonzero(bucket == number)
            self._add(int(number), ids.high[rows], ids.low[rows], positions[rows])
        for number in [number for number in self._buckets if number < last]:
            del self._buckets[number]

    def _add(self, number: int, high: U64, low: U64, positions: U64) -> None:
        runs = self._buckets.setdefault(number, [])
        runs.append(_sorted(high, low, positions))
        while merge_runs(len(run[0]) for run in runs):
            left, right = runs[-2:]
            runs[-2:] = [_sorted(*(np.concatenate(pair) for pair in zip(left, right, strict=True)))]


def _sorted(high: U64, low: U64, positions: U64) -> tuple[U64, U64, U64]:
    order = np.argsort(high, kind="stable")
    return high[order], low[order], positions[order]


def _search(run: tuple[U64, U64, U64], ids: Ids, rows: NDArray[np.intp], found: U64) -> None:
    high, low, positions = run
    at = np.searchsorted(high, ids.high[rows])
    while len(rows):  # more than once only where two ids share their first 64 bits
        inside = at < len(high)
        rows, at = rows[inside], at[inside]
        same = high[at] == ids.high[rows]
        rows, at = rows[same], at[same]
        hit = low[at] == ids.low[rows]
        found[rows[hit]] = positions[at[hit]]
        rows, at = rows[~hit], at[~hit] + 1


def duplicates(ids: Ids, positions: U64, first: U64) -> NDArray[np.bool_]:
    """Mark repeats: of an earlier event of this batch, or of one first seen at another position.

    `first` is what `first_positions` (or the store) answered. Of equal ids in the batch the one that stands
    first is kept; rows must be in log order.
    """
    order = np.argsort(ids.high, kind="stable")
    high, low = ids.high[order], ids.low[order]
    if (high[1:] == high[:-1]).any() and (low[1:] != low[:-1])[high[1:] == high[:-1]].any():
        order = np.lexsort((ids.low, ids.high))  # two ids share their first 64 bits: sort by all 128
        high, low = ids.high[order], ids.low[order]
    repeated = np.zeros(len(order), dtype=bool)
    repeated[order[1:]] = (high[1:] == high[:-1]) & (low[1:] == low[:-1])
    return np.asarray(repeated | ((first != UNSEEN) & (first != positions)))
