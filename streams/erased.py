"""Leaving the events of erased handles out of frames; others' events do not name these handles any more."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.frames import LETTERS, Frame

__all__ = ["ERASED", "Tombstones", "tombstone", "without"]

ERASED = "erased"  # the reason under which the books have events of somebody who was being forgotten, or is forgotten
_NEVER = -(2**63)

U64 = NDArray[np.uint64]


def tombstone(handle: int) -> int:
    """Return what is kept of an erased handle: it tells the handle to who has it, and is told by nobody else."""
    digest = blake2b(handle.to_bytes(8, "little"), digest_size=8, person=b"erased handle").digest()
    return int.from_bytes(digest, "little")


class Tombstones:
    """Erased handles, each with the instant (us) before which nothing of it is taken."""

    def __init__(self, before_us: Mapping[int, int]) -> None:
        self._before_us = before_us
        self._latest_us = max(before_us.values(), default=_NEVER)

    def applied(self, frame: Frame) -> Frame:
        """Return the frame without what erased handles did before they were erased. Costs nothing for newer events."""
        old = _times(frame) < self._latest_us
        if not old.any():
            return frame
        named = frame.events.column("handles").filter(pa.array(old)).flatten().unique().to_pylist()
        graves: dict[int, list[int]] = {}
        for handle in named:
            if (before_us := self._before_us.get(tombstone(handle))) is not None:
                graves.setdefault(before_us, []).append(handle)
        for before_us, handles in graves.items():
            frame = without(frame, np.array(sorted(handles), np.uint64), before_us)
        return frame


def without(frame: Frame, gone: U64, before_us: int | None = None) -> Frame:
    """Return a frame without events of these handles (sorted), or without those from before an instant.

    Each event that is left out becomes a dead letter without content, so that the books hold. So does a dead letter that
    names one, where no instant is given.
    """
    events, letters = frame.events, frame.letters
    due = np.ones(len(events), bool) if before_us is None else _times(frame) < before_us
    hers = np.isin(events.column("handle").to_numpy(), gone) & due
    texts = [b"#%016x" % handle for handle in gone.tolist()] if before_us is None else []
    about = [any(text in data for text in texts) for data in letters.column("bytes").to_pylist()]
    lists, kinds = events.column("handles"), events.column("kinds")
    starts = lists.offsets.to_numpy() - lists.offsets[0].as_py()
    named = np.isin(lists.flatten().to_numpy(), gone) & np.repeat(due, np.diff(starts))
    if not (hers.any() or any(about) or named.any()):
        return frame
    places = pa.array(np.concatenate([[0], np.cumsum(~named)])[starts].astype(np.int32))
    stays = pa.array(~named)
    for name, column in (("handles", lists), ("kinds", kinds)):
        stripped = pa.ListArray.from_arrays(places, column.flatten().filter(stays))
        events = events.set_column(events.schema.get_field_index(name), events.schema.field(name), stripped)
    rows = [
        _blank(row) if mentions else row for row, mentions in zip(letters.to_pylist(), about, strict=True)
    ]
    rows += [_blank({"topic_partition": 0, "topic_offset": 0}) for _ in range(int(hers.sum()))]
    kept = events.filter(pa.array(~hers))
    return replace(frame, events=kept, letters=pa.RecordBatch.from_pylist(rows, LETTERS))


def _times(frame: Frame) -> NDArray[np.int64]:
    return np.asarray(frame.events.column("time").cast(pa.int64()).to_numpy())


def _blank(letter: dict[str, object]) -> dict[str, object]:
    return letter | {"reason": ERASED, "detail": "", "bytes": b""}
