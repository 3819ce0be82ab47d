"""Remembers which ids were seen, and where first, to separate duplicates from replays.

A repeat of an event is a *replay* when it is at the very position where the event was first seen (the log
is read again after a crash), and a *duplicate* anywhere else. The ids that arrived last are remembered with their
positions, 24 bytes each; every other id has two bytes in a filter, and what that answers "perhaps" is to be looked up
where the events are stored. The time of an event plays no part.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from journey.column import merge_runs
from journey.id_filter import IdFilter

__all__ = ["MOST_IDS", "UNSEEN", "Ids", "SeenIds", "duplicates", "position"]

UNSEEN = np.iinfo(np.uint64).max
MOST_IDS = 4_000_000  # that are remembered with their positions: 96 MB
_PARTS = 8  # of the window, which are forgotten one at a time
_PARTITION_SHIFT = np.uint64(48)

U64 = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Ids:
    """The 128-bit ids of events as two columns."""

    high: U64
    low: U64

    def __len__(self) -> int:
        return len(self.high)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Ids":
        """Return the ids of these rows."""
        return Ids(self.high[rows], self.low[rows])


def position(partition: NDArray[np.integer], offset: NDArray[np.integer]) -> U64:
    """Return one number for a place in a log of many partitions (2**16 of them, 2**48 offsets each)."""
    return (partition.astype(np.uint64) << _PARTITION_SHIFT) | offset.astype(np.uint64)


@dataclass(slots=True)
class _Part:
    """Ids that arrived one after the other, as sorted runs."""

    first_us: int | None
    last_us: int | None
    runs: list[tuple[U64, U64, U64]] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(run[0]) for run in self.runs)

    def add(self, ids: Ids, positions: U64) -> None:
        runs = self.runs
        order = np.argsort(ids.high)
        runs.append((ids.high[order], ids.low[order], positions[order]))
        while merge_runs(len(run[0]) for run in runs):
            left, right = runs[-2:]
            runs[-2:] = [_merged(*(np.concatenate(pair) for pair in zip(left, right, strict=True)))]


class SeenIds:
    """The ids of all events: those of the window with their positions, the others in a filter. State, not policy.

    Parameters
    ----------
    window_us
        How long after its arrival an id is remembered with its position.
    most
        How many are, at most, and one part more.
    """

    def __init__(self, window_us: int, most: int = MOST_IDS) -> None:
        self.window_us = window_us
        self.most = most
        self._filter = IdFilter()
        self._parts: list[_Part] = []

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    @property
    def nbytes(self) -> int:
        """Bytes of the window."""
        return sum(column.nbytes for part in self._parts for run in part.runs for column in run)

    @property
    def filter_bytes(self) -> int:
        """Bytes of the filter."""
        return self._filter.nbytes

    def expect(self, count: int) -> None:
        """Make room for so many ids at once."""
        self._filter.expect(count)

    def first_positions(self, ids: Ids) -> tuple[U64, NDArray[np.intp]]:
        """Return where each id was seen first, UNSEEN for those never seen, and the rows that only the store knows."""
        found = np.full(len(ids), UNSEEN, dtype=np.uint64)
        rows = np.flatnonzero(self._filter.perhaps(ids))
        for part in self._parts:
            for run in part.runs:
                _search(run, ids, rows, found)
        return found, rows[found[rows] == UNSEEN]

    def note(self, ids: Ids) -> None:
        """Add ids of which only the store has the positions."""
        self._filter.add(ids)

    def remember(self, ids: Ids, positions: U64, arrived_us: int | None = None) -> None:
        """Add ids that are distinct and unseen, then forget the positions of those that have left the window.

        Those of which nobody says when they arrived count as arrived when the next ones do.
        """
        if not len(ids):
            return
        self._filter.add(ids)
        self._part(arrived_us).add(ids, positions)
        while len(self._parts) > 1 and (len(self) > self.most or self._is_old(arrived_us)):
            del self._parts[0]

    def forget(self, ids: Ids) -> None:
        """Let go of the positions of ids whose events are erased: what the store does not know any more was never seen."""
        gone = np.sort(ids.high)
        for part in self._parts:
            kept = [~np.isin(high, gone) for high, _, _ in part.runs]
            part.runs = [
                (high[rows], low[rows], positions[rows])
                for (high, low, positions), rows in zip(part.runs, kept, strict=True)
            ]

    def _is_old(self, now_us: int | None) -> bool:
        last_us = self._parts[0].last_us
        return now_us is not None and last_us is not None and last_us < now_us - self.window_us

    def _part(self, arrived_us: int | None) -> _Part:
        """Return the part that takes ids which arrived at this instant."""
        if arrived_us is not None:
            for part in self._parts:
                part.first_us = arrived_us if part.first_us is None else part.first_us
                part.last_us = arrived_us if part.last_us is None else part.last_us
        last = self._parts[-1] if self._parts else None
        if last is None or len(last) >= self.most // _PARTS or self._is_long(last, arrived_us):
            last = _Part(arrived_us, arrived_us)
            self._parts.append(last)
        if arrived_us is not None:
            last.last_us = max(last.last_us or arrived_us, arrived_us)
        return last

    def _is_long(self, part: _Part, now_us: int | None) -> bool:
        return (
            now_us is not None
            and part.first_us is not None
            and now_us - part.first_us > self.window_us // _PARTS
        )


def _merged(high: U64, low: U64, positions: U64) -> tuple[U64, U64, U64]:
    order = np.argsort(high, kind="stable")  # of two runs: it merges them
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

    `first` is what `first_positions` (or the store) answered. Of equal ids in the batch the one that is
    first is kept; rows must be in log order.
    """
    order = np.argsort(ids.high)  # in any order of equals, which is the faster one
    same = ids.high[order[1:]] == ids.high[order[:-1]]
    repeated = np.zeros(len(order), dtype=bool)
    if same.any():
        rows = np.unique(np.concatenate([order[1:][same], order[:-1][same]]))  # few, in log order
        rows = rows[np.lexsort((ids.low[rows], ids.high[rows]))]
        high, low = ids.high[rows], ids.low[rows]
        repeated[rows[1:]] = (high[1:] == high[:-1]) & (low[1:] == low[:-1])
    return np.asarray(repeated | ((first != UNSEEN) & (first != positions)))
