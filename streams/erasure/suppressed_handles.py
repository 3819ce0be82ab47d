"""Drops the events of erased handles from frames, and these handles from others' events: the suppression list."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.log.frame import LETTERS, Frame

__all__ = ["ERASED", "SuppressedHandles", "tombstone", "without"]

ERASED = "erased"  # the reason under which the books have events of somebody who was being forgotten, or is forgotten
_NEVER = -(2**63)
_NAMED = re.compile(rb"#([0-9a-f]{16})(?![0-9A-Za-z])")  # a handle in a dead letter
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

U64 = NDArray[np.uint64]


def tombstone(handle: int) -> int:
    """Return the hash that is kept of an erased handle: only somebody who has the handle can find it."""
    digest = blake2b(handle.to_bytes(8, "little"), digest_size=8, person=b"erased handle").digest()
    return int.from_bytes(digest, "little")


class SuppressedHandles:
    """The erased handles, each with the instant (us) before which its events are dropped."""

    def __init__(self, before_us: Mapping[int, int]) -> None:
        self._before_us = before_us
        self._latest_us = max(before_us.values(), default=_NEVER)

    def applied(self, frame: Frame) -> Frame:
        """Return the frame without what erased handles did before they were erased. Costs nothing for newer events.

        A dead letter that names one keeps nothing, unless its own time says that it is of later.
        """
        if self._before_us and len(frame.letters):
            frame = self._of_letters(frame)
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

    def _of_letters(self, frame: Frame) -> Frame:
        rows = frame.letters.to_pylist()
        kept = [_blank(row) if self._are_of(row["bytes"]) else row for row in rows]
        return frame if kept == rows else replace(frame, letters=pa.RecordBatch.from_pylist(kept, LETTERS))

    def _are_of(self, letter: bytes) -> bool:
        """Whether a dead letter is of somebody who was erased after it."""
        stones = {tombstone(int(named, 16)) for named in _NAMED.findall(letter)}
        before_us = max((self._before_us.get(stone, _NEVER) for stone in stones), default=_NEVER)
        return before_us > _NEVER and _said_us(letter) < before_us


def _said_us(letter: bytes) -> int:
    """Return the time that a dead letter has (us); the earliest where it cannot be parsed."""
    try:
        at = datetime.fromisoformat(json.loads(letter)["time"].upper())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _NEVER
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def without(frame: Frame, gone: U64, before_us: int | None = None) -> Frame:
    """Return a frame without events of these handles (sorted), or without those from before an instant.

    Each event that is left out becomes a dead letter without content, so that the reconciliation holds. So does a dead letter that
    names one, where no instant is given.
    """
    events, letters = frame.events, frame.letters
    due = np.ones(len(events), bool) if before_us is None else _times(frame) < before_us
    theirs = np.isin(events.column("handle").to_numpy(), gone) & due
    texts = [b"#%016x" % handle for handle in gone.tolist()] if before_us is None else []
    about = [any(text in data for text in texts) for data in letters.column("bytes").to_pylist()]
    lists, kinds = events.column("handles"), events.column("kinds")
    starts = lists.offsets.to_numpy() - lists.offsets[0].as_py()
    named = np.isin(lists.flatten().to_numpy(), gone) & np.repeat(due, np.diff(starts))
    if not (theirs.any() or any(about) or named.any()):
        return frame
    places = pa.array(np.concatenate([[0], np.cumsum(~named)])[starts].astype(np.int32))
    stays = pa.array(~named)
    for name, column in (("handles", lists), ("kinds", kinds)):
        stripped = pa.ListArray.from_arrays(places, column.flatten().filter(stays))
        events = events.set_column(events.schema.get_field_index(name), events.schema.field(name), stripped)
    rows = [
        _blank(row) if mentions else row for row, mentions in zip(letters.to_pylist(), about, strict=True)
    ]
    rows += [_blank({"topic_partition": 0, "topic_offset": 0}) for _ in range(int(theirs.sum()))]
    kept = events.filter(pa.array(~theirs))
    return replace(frame, events=kept, letters=pa.RecordBatch.from_pylist(rows, LETTERS))


def _times(frame: Frame) -> NDArray[np.int64]:
    return np.asarray(frame.events.column("time").cast(pa.int64()).to_numpy())


def _blank(letter: dict[str, object]) -> dict[str, object]:
    return letter | {"reason": ERASED, "detail": "", "bytes": b""}
