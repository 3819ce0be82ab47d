"""Holds growable numpy columns, and an index from 64-bit keys to the rows of such columns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ABSENT", "Column", "RowIndex", "distinct", "first_of_runs", "merge_runs"]

ABSENT = -1  # what RowIndex.get answers for a key it does not hold
_FIRST = 64


class Column:
    """A growable array of values of one dtype; `data` is the live part, writable in place."""

    __slots__ = ("_buffer", "_size")

    def __init__(self, dtype: Any, *, width: int = 0) -> None:
        self._buffer: NDArray[Any] = np.zeros((_FIRST, width) if width else _FIRST, dtype=dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def data(self) -> NDArray[Any]:
        """The values, as a view: good until the next `grow`."""
        return self._buffer[: self._size]

    @property
    def nbytes(self) -> int:
        """Bytes reserved, the unused end included."""
        return self._buffer.nbytes

    def grow(self, count: int, fill: Any) -> None:
        """Append `count` times `fill` (a scalar, or an array of that many values)."""
        size = self._size + count
        if size > len(self._buffer):
            shape = (max(size, len(self._buffer) * 5 // 4), *self._buffer.shape[1:])
            buffer = np.empty(shape, dtype=self._buffer.dtype)
            buffer[: self._size] = self._buffer[: self._size]
            self._buffer = buffer
        self._buffer[self._size : size] = fill
        self._size = size


class RowIndex:
    """An index from distinct uint64 keys to row numbers (uint32): sorted runs, merged as they grow; 12 bytes a key.

    A look-up is one binary search a run, for all keys at once; there are O(log n) runs.
    """

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._runs)

    @property
    def nbytes(self) -> int:
        """Bytes of all runs."""
        return sum(keys.nbytes + rows.nbytes for keys, rows in self._runs)

    def get(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the row of each key, or ABSENT."""
        rows = np.full(len(keys), ABSENT, dtype=np.int64)
        for run, values in self._runs:
            at = np.searchsorted(run, keys)
            at[at == len(run)] = 0
            hit = run[at] == keys
            rows[hit] = values[at[hit]]
        return rows

    def add(self, keys: NDArray[np.uint64], rows: NDArray[np.integer]) -> None:
        """Add keys that are distinct and absent."""
        if not len(keys):
            return
        order = np.argsort(keys, kind="stable")
        self._runs.append((keys[order], rows[order].astype(np.uint32)))
        while merge_runs(len(run[0]) for run in self._runs):
            (left, left_rows), (right, right_rows) = self._runs[-2:]
            merged = np.concatenate([left, right])
            order = np.argsort(merged, kind="stable")  # timsort: two sorted runs merge in linear time
            self._runs[-2:] = [(merged[order], np.concatenate([left_rows, right_rows])[order])]


def merge_runs(sizes: Any) -> bool:
    """Whether the last two runs are to be merged: sizes at least halve from run to run, so runs stay few."""
    listed = list(sizes)
    return len(listed) > 1 and listed[-2] < 2 * listed[-1]


def first_of_runs(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the first of each run of equal values in a sorted array.

    >>> first_of_runs(np.array([3, 3, 5, 9, 9])).tolist()
    [True, False, True, True, False]
    """
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return first


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """Return the distinct values in order.

    As `numpy.unique`, which hashes since numpy 2.3 and takes three times as long on a million slots.

    >>> distinct(np.array([5, 3, 5])).tolist()
    [3, 5]
    """
    ordered = np.sort(values)
    return ordered[first_of_runs(ordered)]
