"""Packs lines into frames of one partition each: one pass through the edge, then rows are split by handle."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.topics import INTERACTIONS, topics
from streams.clock import Clock
from streams.edge import Edge
from streams.log.frame import LETTERS, MAX_FRAME_BYTES, MAX_FRAME_EVENTS, Frame, encode, readable_in

__all__ = ["PASS_BYTES", "Parcel", "pack_placed", "parcels", "passes"]

PASS_BYTES = 8_000_000  # of lines in one pass through the edge; bounds what a pass holds in memory
_PASS_FRAMES = 4  # frames' worth of lines in one pass, where there are partitions to spread them over
_OVERHEAD = 4_096  # bytes that a record and its batch add to a frame, generously
_Piece = tuple[pa.RecordBatch, pa.RecordBatch, NDArray[np.int64]]  # events, letters, rows of the events


@dataclass(frozen=True, slots=True)
class Parcel:
    """A frame for one partition of `interactions`; `rows` are the rows of its events in what was packed."""

    partition: int
    data: bytes
    events: int
    letters: int
    rows: NDArray[np.int64]


def passes(
    lines: Iterable[bytes], edge: Edge, *, topic: str, clock: Clock, partitions: int
) -> Iterator[Frame]:
    """Pass lines of a file through the edge, enough at a time to fill frames of several partitions.

    Dead letters carry the number of the line as their offset, from 1.
    """
    most, first = MAX_FRAME_EVENTS * min(partitions, _PASS_FRAMES), 1
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        if chunk and (len(chunk) == most or size + len(line) > PASS_BYTES):
            yield edge.pack(chunk, topic=topic, now_us=clock(), first_offset=first)
            first += len(chunk)
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield edge.pack(chunk, topic=topic, now_us=clock(), first_offset=first)


def pack_placed(
    lines: Sequence[bytes], places: NDArray[np.int64], edge: Edge, *, topic: str, now_us: int
) -> Frame:
    """Pack records of a topic; each dead letter carries the place of its own record.

    Parameters
    ----------
    lines
        Records as JSON, of any partitions in any order, with gaps between offsets or without.
    places
        Partition and offset of each, shape (lines, 2).
    """
    frame = edge.pack(lines, topic=topic, now_us=now_us, first_offset=0)
    if not len(frame.letters):
        return frame
    nth = frame.letters.column("topic_offset").to_numpy().astype(np.int64)
    columns = {name: frame.letters.column(name) for name in LETTERS.names}
    columns["topic_partition"] = pa.array(places[nth, 0], pa.uint32())
    columns["topic_offset"] = pa.array(places[nth, 1], pa.uint64())
    letters = pa.RecordBatch.from_arrays(list(columns.values()), schema=LETTERS)
    return replace(frame, letters=letters)


def parcels(frame: Frame, partitions: int) -> Iterator[Parcel]:
    """Cut what was packed into frames of one partition: that of the primary handle, modulo `partitions`.

    The order within a partition is kept. A dead letter has no handle; it goes by the partition it came from.
    What is received in all frames adds up to what was received.
    """
    events, order, ends = _sorted_out(frame.events, frame.events.column("handle"), partitions)
    letters, _, letter_ends = _sorted_out(frame.letters, frame.letters.column("topic_partition"), partitions)
    for partition in range(partitions):
        rows = slice(ends[partition], ends[partition + 1])
        part = slice(letter_ends[partition], letter_ends[partition + 1])
        for piece in _cut(
            events.slice(rows.start, rows.stop - rows.start),
            letters.slice(part.start, part.stop - part.start),
            order[rows],
        ):
            yield from _encoded(frame, partition, piece)


def _sorted_out(
    batch: pa.RecordBatch, key: pa.Array, partitions: int
) -> tuple[pa.RecordBatch, NDArray[np.int64], NDArray[np.int64]]:
    """Return rows sorted by key modulo `partitions`, the rows they were, and where each partition begins."""
    owner = key.to_numpy().astype(np.uint64) % np.uint64(partitions)
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(partitions + 1, dtype=np.uint64))
    return batch.take(pa.array(order)) if partitions > 1 and len(batch) else batch, order, ends


def _cut(events: pa.RecordBatch, letters: pa.RecordBatch, rows: NDArray[np.int64]) -> Iterator[_Piece]:
    """Cut by number and by size; dead letters travel with events where there is room for both."""
    none, no_rows = letters.slice(0, 0), rows[:0]
    if len(events) + len(letters) <= MAX_FRAME_EVENTS and events.nbytes + letters.nbytes <= MAX_FRAME_BYTES:
        if len(events) or len(letters):
            yield events, letters, rows
        return
    for start, length in _spans(events):
        yield events.slice(start, length), none, rows[start : start + length]
    for start, length in _spans(letters):
        yield events.slice(0, 0), letters.slice(start, length), no_rows


def _spans(batch: pa.RecordBatch) -> Iterator[tuple[int, int]]:
    pieces = max(-(-len(batch) // MAX_FRAME_EVENTS), -(-batch.nbytes // MAX_FRAME_BYTES))
    length = -(-len(batch) // pieces) if len(batch) else 1
    for start in range(0, len(batch), length):
        yield start, min(length, len(batch) - start)


def _encoded(frame: Frame, partition: int, piece: _Piece) -> Iterator[Parcel]:
    """Encode a frame; one that the topic would refuse, because sizes are uneven, is halved."""
    events, letters, rows = piece
    readable = readable_in(frame.readable, events)
    data = encode(replace(frame, events=events, letters=letters, readable=readable))
    if len(data) <= _most_bytes() or len(events) + len(letters) == 1:
        yield Parcel(partition, data, len(events), len(letters), rows)
        return
    for half in _halves(len(events), len(letters)):
        of_events, of_letters = half
        yield from _encoded(frame, partition, (events[of_events], letters[of_letters], rows[of_events]))


def _halves(events: int, letters: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    middle, centre = (events + 1) // 2, letters // 2
    return (slice(0, middle), slice(0, centre)), (slice(middle, events), slice(centre, letters))


def _most_bytes() -> int:
    (declared,) = (topic for topic in topics() if topic.name == INTERACTIONS)
    return int(declared.config["max.message.bytes"]) - _OVERHEAD
