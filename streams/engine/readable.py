"""Turns the readable handles of frames into rows of readable_handles: each once, as far as an event of its frame names it."""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from journey.identity.handle import KINDS
from streams.log.batch import Record
from streams.log.frame import readable_in

__all__ = ["Kept", "KnownReadable", "ReadableHandles"]

_MOST = 500_000  # handles that are known to be in the table; then the cache is cleared,
_LONGEST_US = 3_600_000_000  # and after an hour of arrivals: `journey readable drop` may have taken some
_COLUMNS = ["brand", "kind", "handle", "fingerprint", "sealed"]

Kept = set[tuple[str, int, str]]
"""Brand, handle and fingerprint of the key, of rows that the table has."""


class KnownReadable(Protocol):
    """The part of a store that knows which readable handles it has: see `streams.store.port.Store`."""

    def readable(self, brands: Collection[str], handles: Sequence[int]) -> Kept:
        """Return brand, handle and fingerprint of the key, of those of these handles that the table has."""


class ReadableHandles:
    """A cache of what the table has; the store is asked for the others. What an erasure takes is not in it any more."""

    def __init__(self, known: "KnownReadable") -> None:
        self._known = known
        self._there: Kept = set()
        self._since_us = 0  # when a frame came in whose handles are in the cache

    def rows(self, records: Sequence[Record]) -> pa.Table | None:
        """Return the rows that the table lacks, of frames in log order; None where no frame has any.

        Of a repeat too: a history that is loaded again brings the values of handles that are there.
        """
        found: dict[tuple[str, int, str], tuple[str, int, str, bytes, int, int]] = {}
        for record in records:
            readable = readable_in(record.frame.readable, record.frame.events)
            if readable is None:
                continue
            if record.frame.packed_us - self._since_us > _LONGEST_US:
                self._there.clear()
                self._since_us = record.frame.packed_us
            columns = [column.to_pylist() for column in readable.select(_COLUMNS).columns]
            for brand, kind, handle, fingerprint, sealed in zip(*columns, strict=True):
                key = brand, handle, fingerprint
                if key not in self._there:
                    place = record.partition, record.offset
                    found.setdefault(key, (KINDS[kind], handle, fingerprint, sealed, *place))
        if not found:
            return None
        if len(self._there) + len(found) > _MOST:
            self._there.clear()
        there = self._known.readable({brand for brand, _, _ in found}, [handle for _, handle, _ in found])
        self._there |= found.keys()
        new = [
            (brand, *row) for (brand, handle, key), row in found.items() if (brand, handle, key) not in there
        ]
        return _table(new)

    def forget(self, handles: NDArray[np.uint64]) -> None:
        """Know nothing more of handles that are erased."""
        gone = set(handles.tolist())
        self._there = {key for key in self._there if key[1] not in gone}


def _table(rows: Sequence[tuple[str, str, int, str, bytes, int, int]]) -> pa.Table:
    brands, kinds, handles, fingerprints, sealed, partitions, offsets = (
        zip(*rows, strict=True) if rows else ((),) * 7
    )
    return pa.table(
        {
            "brand": pa.array(brands, pa.string()),
            "kind": pa.array(kinds, pa.string()),
            "handle": pa.array(handles, pa.uint64()),
            "fingerprint": pa.array(fingerprints, pa.string()),
            "sealed": pa.array(sealed, pa.binary()),
            "_partition": pa.array(partitions, pa.uint16()),
            "_offset": pa.array(offsets, pa.uint64()),
        }
    )
