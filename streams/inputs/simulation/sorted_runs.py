"""Puts the planned events of all groups of people in the order of arrival, by a temporary file."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.inputs.simulation.plan import ROW, Rows

__all__ = ["PLACED", "SortedRuns"]

# A planned event with its number among all of them, by which others name it as their cause, and when it arrives.
PLACED: Final = np.dtype([("arrived", "i8"), ("number", "i8"), *ROW.descr])
_READ: Final = 131_072  # rows of all runs that are in memory at a time
_LEAST: Final = 1_024  # and of each
_CHUNK: Final = 16_384  # rows handed on at a time


class SortedRuns:
    """Runs of events, each in the order of arrival: written one after the other, then read side by side."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - until the last event is read
        self._runs: list[tuple[int, int]] = []  # first row in the file, and the one after the last
        self._numbers = 0

    def add(self, rows: Rows, order: NDArray[np.intp], arrived: NDArray[np.int64]) -> None:
        """Add a group's events.

        Parameters
        ----------
        rows
            Those that were planned, of the type ROW; causes are counted in it, and from then on among all.
        order
            Numbers of rows in the order of arrival; one may come twice.
        arrived
            When each of these arrives, in microseconds since 1970.
        """
        rows["cause"] += np.where(rows["cause"] >= 0, self._numbers, 0)
        first = self._runs[-1][1] if self._runs else 0
        for begin in range(0, len(order), _READ):
            numbers = order[begin : begin + _READ]
            placed = np.empty(len(numbers), dtype=PLACED)
            placed["arrived"] = arrived[begin : begin + _READ]
            placed["number"] = numbers + self._numbers
            for name in ROW.names or ():
                placed[name] = rows[name][numbers]
            self._file.write(placed.tobytes())
        self._runs.append((first, first + len(order)))
        self._numbers += len(rows)

    def merged(self) -> Iterator[Rows]:
        """Yield the events of all runs in the order of arrival, in chunks of the type PLACED; then the file is gone."""
        most = max(_READ // max(len(self._runs), 1), _LEAST)
        left = [list(run) for run in self._runs]
        buffers = [self._read(run, most) for run in left]
        while any(map(len, buffers)):
            unread = [
                buffer["arrived"][-1] for buffer, run in zip(buffers, left, strict=True) if run[0] < run[1]
            ]
            parts = []
            for place, buffer in enumerate(buffers):
                # What is not read yet arrives no sooner than what was read last of its run.
                count = (
                    np.searchsorted(buffer["arrived"], min(unread), side="right") if unread else len(buffer)
                )
                parts.append(buffer[:count])
                buffers[place] = buffer[count:]
                if not len(buffers[place]):
                    buffers[place] = self._read(left[place], most)
            some = np.concatenate(parts)
            some = some[np.argsort(some["arrived"], kind="stable")]
            for begin in range(0, len(some), _CHUNK):
                yield some[begin : begin + _CHUNK]
        self._file.close()

    def _read(self, run: list[int], most: int) -> Rows:
        """Return the next rows of a run, and move its begin behind them."""
        count = min(most, run[1] - run[0])
        self._file.seek(run[0] * PLACED.itemsize)
        run[0] += count
        return np.frombuffer(self._file.read(count * PLACED.itemsize), dtype=PLACED)
