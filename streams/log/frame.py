"""Encodes frames, the unit of the log: up to 5,000 validated events, and the refused ones, as Arrow IPC."""

import struct
import zlib
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "EVENTS",
    "LETTERS",
    "MAX_FRAME_BYTES",
    "MAX_FRAME_EVENTS",
    "READABLE",
    "Frame",
    "FrameError",
    "decode",
    "encode",
    "readable_in",
]

MAX_FRAME_EVENTS = 5_000
MAX_FRAME_BYTES = 1_000_000  # of events as they came in
# Half the bytes to log, for a sixth of a microsecond; threads cost more than they save on columns this short.
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_MAGIC = b"AJF1"
_HEADER = struct.Struct(
    "<4sII"
)  # magic; bytes of the events, which the letters follow; CRC-32 of that size and both
_LETTERS_SIZE = "letters"  # in the metadata, where something stands behind the letters
AMOUNT_SCALE = 10_000  # amounts are whole ten-thousandths of the currency unit

EVENTS = pa.schema(
    [
        ("event", pa.binary(16)),  # hash of source, id and primary handle
        ("time", pa.timestamp("us", "UTC")),
        ("brand", pa.string()),
        ("type", pa.string()),
        ("source", pa.string()),
        ("id", pa.string()),
        ("handle", pa.uint64()),
        ("handles", pa.list_(pa.uint64())),
        ("kinds", pa.list_(pa.uint8())),  # codes into journey.identity.handle.KINDS
        ("content", pa.string()),
        ("product", pa.string()),
        ("place", pa.string()),
        ("campaign", pa.string()),
        ("device", pa.string()),
        ("amount", pa.int64()),  # ten-thousandths; null without one
        ("currency", pa.string()),
        ("rating", pa.float64()),
        ("sentiment", pa.float64()),
        ("cause", pa.string()),
        ("properties", pa.string()),  # JSON text; empty without any
    ]
)

LETTERS = pa.schema(
    [
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("topic_partition", pa.uint32()),
        ("topic_offset", pa.uint64()),
        ("bytes", pa.binary()),
    ]
)

# Values of handles that their brand keeps readable, encrypted (`streams.edge.readable`).
READABLE = pa.schema(
    [
        ("brand", pa.string()),
        ("kind", pa.uint8()),  # code into journey.identity.handle.KINDS
        ("handle", pa.uint64()),
        ("fingerprint", pa.string()),  # of the key
        ("sealed", pa.binary()),
    ]
)


class FrameError(ValueError):
    """An error of bytes that are no frame of this version."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The events and dead letters of one delivery, from one topic (or file), packed at one instant.

    `key` is the fingerprint of what handles are hashed with; "" where it is not known. `readable` has the values of handles
    that are kept readable, None for none; of one that no event names any more, nothing is kept.
    """

    events: pa.RecordBatch
    letters: pa.RecordBatch
    topic: str
    packed_us: int
    key: str = ""
    readable: pa.RecordBatch | None = None

    @property
    def received(self) -> int:
        """How many events came in."""
        return len(self.events) + len(self.letters)


def readable_in(readable: pa.RecordBatch | None, events: pa.RecordBatch) -> pa.RecordBatch | None:
    """Return the readable handles that these events name, None for none."""
    if readable is None or not len(events):
        return None
    found = readable.filter(pc.is_in(readable.column("handle"), events.column("handles").flatten()))
    return found if len(found) else None


def encode(frame: Frame) -> bytes:
    """Return the frame as bytes.

    What is readable stands behind the letters, and their size in the metadata: a program that does not know of it reads
    events and letters, and nothing behind these.
    """
    metadata = {"topic": frame.topic, "packed_us": str(frame.packed_us), "key": frame.key}
    letters = _ipc(frame.letters) if len(frame.letters) or frame.readable is not None else b""
    readable = b""
    if frame.readable is not None:
        metadata[_LETTERS_SIZE] = str(len(letters))
        readable = _ipc(frame.readable)
    events = _ipc(frame.events.replace_schema_metadata(metadata))
    checksum = zlib.crc32(readable, zlib.crc32(letters, zlib.crc32(events, len(events))))
    return b"".join(
        [
            _HEADER.pack(_MAGIC, len(events), checksum),
            memoryview(events),
            memoryview(letters),
            memoryview(readable),
        ]
    )


def _ipc(batch: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def decode(data: bytes) -> Frame:
    """Read a frame, without copying its columns.

    Raises
    ------
    FrameError
        Not a frame, cut short, damaged, or of another version.
    """
    if len(data) < _HEADER.size or data[:4] != _MAGIC:
        raise FrameError(f"not a frame of version 1: starts with {data[:8]!r}, {len(data)} bytes")
    _, size, checksum = _HEADER.unpack_from(data)
    view = memoryview(data)[_HEADER.size :]
    if zlib.crc32(view, size) != checksum:
        # Arrow does not look into its buffers: a flipped bit there would be read far outside of the frame.
        raise FrameError(f"a frame that is cut short or damaged: {len(data)} bytes, checksum differs")
    try:
        events = pa.ipc.open_stream(view[:size]).read_next_batch()
        letters = pa.ipc.open_stream(view[size:]).read_next_batch() if len(view) > size else _no_letters()
        metadata = events.schema.metadata
        behind = metadata.get(_LETTERS_SIZE.encode())
        frame = Frame(
            events,
            letters,
            metadata[b"topic"].decode(),
            int(metadata[b"packed_us"]),
            metadata.get(b"key", b"").decode(),
            None if behind is None else pa.ipc.open_stream(view[size + int(behind) :]).read_next_batch(),
        )
    except (pa.ArrowException, StopIteration, KeyError, TypeError, ValueError, OSError) as error:
        raise FrameError(f"a frame that cannot be read: {error}") from error
    if not events.schema.equals(EVENTS) or not letters.schema.equals(LETTERS):
        raise FrameError("a frame with other columns than version 1 has")
    if frame.readable is not None and not frame.readable.schema.equals(READABLE):
        raise FrameError("a frame with other columns of readable handles than version 1 has")
    return frame


def _no_letters() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], LETTERS)
