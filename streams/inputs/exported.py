"""Writes the interactions of a store to a file of frames, and reads it: for another store, in either shell.

Handles stay hashed, and each event keeps its key: an event that the other store has is a duplicate there. Both stores
must use the same handle key.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from journey.identity.handle import KINDS
from streams.clock import Clock
from streams.faults import kill_point
from streams.inputs.files import InputError
from streams.log.frame import AMOUNT_SCALE, EVENTS, LETTERS, Frame, FrameError, decode, encode
from streams.process.private_files import private_file
from streams.store.clickhouse import ClickHouse
from streams.store.slices import interactions

__all__ = ["Export", "export", "exported", "is_export"]

_MAGIC = b"AJX1"
_SIZE = struct.Struct(">I")  # of the frame that follows; 0 at the end, and how many events there are
_COUNT = struct.Struct(">Q")
_SLICE, _FRAME = 200_000, 2_000  # events
_KINDS = ", ".join(f"'{kind}'" for kind in KINDS)
_TEXTS = ("brand", "type", "source", "id", "content", "product", "place", "campaign", "device", "currency", "cause", "properties")  # fmt: skip
_COLUMNS = ", ".join(
    (
        "reinterpretAsFixedString(event) AS event",
        "toUnixTimestamp64Micro(time) AS time_us",
        "handle, handles",
        f"arrayMap(kind -> toUInt8(indexOf([{_KINDS}], kind) - 1), kinds) AS kinds",
        f"toInt64(amount * {AMOUNT_SCALE}) AS amount",
        "rating, sentiment",
        *(f"toString({name}) AS {name}" for name in _TEXTS),
    )
)


@dataclass(frozen=True, slots=True)
class Export:
    """What was written: events and bytes."""

    events: int
    bytes: int


def export(store: ClickHouse, key: str, target: Path, clock: Clock) -> Export:
    """Write all interactions of a store into a new file, for its owner alone, whole or not at all.

    Parameters
    ----------
    key
        Fingerprint of the key that its handles are hashed with.
    """
    if target.exists():
        raise InputError(f"{target} is there already")
    draft = target.with_name(f"{target.name}.unfinished")
    draft.unlink(missing_ok=True)
    private_file(draft)
    events = 0
    with draft.open("wb") as file:
        file.write(_MAGIC)
        for batch in _batches(store):
            frame = encode(Frame(batch, _no_letters(), "export", clock(), key))
            file.write(_SIZE.pack(len(frame)) + frame)
            events += len(batch)
        file.write(_SIZE.pack(0) + _COUNT.pack(events))
        size = file.tell()
    with kill_point("export.rename"):
        draft.rename(target)
    return Export(events, size)


def is_export(path: str) -> bool:
    """Return whether a file was written by `export`."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def exported(path: str, key: str, clock: Clock) -> Iterator[Frame]:
    """Yield the frames of a file that `export` has written, as of now.

    Raises
    ------
    InputError
        Its handles are hashed with another key, or it is cut short or damaged.
    """
    events = 0
    with Path(path).open("rb") as file:
        file.read(len(_MAGIC))
        while size := _number(file.read(_SIZE.size), _SIZE, path):
            try:
                frame = decode(file.read(size))
            except FrameError as error:
                raise InputError(f"{path} is damaged: {error}") from error
            if frame.key != key:
                raise InputError(
                    f"{path}: its handles are hashed with the key {frame.key}, and this store's with {key or 'none yet'}: set"
                    " JOURNEY_HANDLE_KEY of a new store to the key of the old one"
                )
            events += len(frame.events)
            yield replace(frame, packed_us=clock(), topic=path)
        if _number(file.read(_COUNT.size), _COUNT, path) != events:
            raise InputError(f"{path} is damaged: it has {events:,} events, and says otherwise")


def _number(data: bytes, form: struct.Struct, path: str) -> int:
    if len(data) != form.size:
        raise InputError(f"{path} is cut short: what it had was taken; load a whole one")
    return int(form.unpack(data)[0])


def _batches(store: ClickHouse) -> Iterator[pa.RecordBatch]:
    for table in interactions(store, _COLUMNS, _SLICE):
        at = table.column("time_us").cast(pa.timestamp("us", "UTC"))
        columns: Sequence[pa.ChunkedArray] = [
            at if name == "time" else table.column(name).cast(EVENTS.field(name).type)
            for name in EVENTS.names
        ]
        whole = pa.Table.from_arrays(columns, schema=EVENTS).combine_chunks()
        yield from whole.to_batches(max_chunksize=_FRAME)


def _no_letters() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], LETTERS)
