"""Encodes the messages between workers: tables of a fixed schema as Arrow IPC, with the kind in the first bytes.

Every message is idempotent, and harmless when it is late: links are facts, the map and the evidence carry versions of
which the newest wins.
"""

import json
import struct
import zlib
from dataclasses import dataclass

import pyarrow as pa

from journey.stage import STAGE_NAMES
from streams.log.frame import FrameError

__all__ = [
    "ABANDON",
    "BETWEEN",
    "DONE",
    "EVIDENCE",
    "FORGET",
    "FORGOTTEN",
    "LINKS",
    "MAP",
    "MAX_ROWS",
    "NOT_A_FRAME",
    "PREPARE",
    "Control",
    "Message",
    "Outgoing",
    "pack",
    "pack_control",
    "unpack",
    "unpack_control",
]

MAX_ROWS = 5_000  # of one message
_WHEN = pa.timestamp("us", "UTC")
_HEADER = struct.Struct("<4sI")  # magic; CRC-32 of what follows
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
_CONTROL = b"AJC1"
PREPARE, ABANDON = "prepare", "abandon"  # a change of the A-Path model
FORGET, FORGOTTEN = "forget", "forgotten"  # an erasure, by its receipt: leave out; take again
DONE = {PREPARE: "prepared", ABANDON: "abandoned"}

LINKS = pa.schema(
    [
        ("left_handle", pa.uint64()),
        ("right_handle", pa.uint64()),
        ("left_kind", pa.string()),
        ("right_kind", pa.string()),
        ("said", pa.uint64()),
        ("withdrawn_at", _WHEN),
        ("restored_at", _WHEN),
    ],
    metadata={"magic": "AJL1"},
)

MAP = pa.schema(
    [
        ("handle", pa.uint64()),
        ("kind", pa.string()),
        ("customer", pa.uint64()),
        ("previous", pa.uint64()),  # the customer that it belonged to before
        ("version", pa.uint64()),
    ],
    metadata={"magic": "AJM1"},
)

EVIDENCE = pa.schema(
    [
        ("model", pa.string()),
        ("brand", pa.string()),
        ("handle", pa.uint64()),
        ("customer", pa.uint64()),
        ("map_version", pa.uint64()),  # of the customer: the newest counts
        ("version", pa.uint64()),  # of the sums: the offset in interactions that they go up to
        ("generation", pa.uint64()),  # of the handle's partition of interactions, under which this was sent,
        ("token", pa.uint64()),  # and by whom
        *((name, pa.float64()) for name in STAGE_NAMES),  # NaN for no evidence
        ("at", _WHEN),  # latest of the interactions that this message is sent for; null for a move
    ],
    metadata={"magic": "AJE1"},
)


@dataclass(frozen=True, slots=True)
class Message:
    """A record of a topic: `offset` counts from 1 (Kafka's plus one), so that 0 is before the first.

    `packed_us` is when the oldest frame was packed that a record between workers follows from, 0 if unknown.
    """

    topic: str
    partition: int
    offset: int
    value: bytes
    packed_us: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent."""

    topic: str
    partition: int
    value: bytes
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """A control message to the owner of a partition; takes effect at its own offset."""

    verb: str
    change: str  # what belongs together across partitions: a change of the model, the receipt of an erasure
    model: str  # TOML, "" where it is not about a model


def pack(table: pa.Table, schema: pa.Schema) -> list[bytes]:
    """Return a table as messages of at most MAX_ROWS rows; columns that the schema lacks are left out."""
    table = table.select(schema.names).cast(schema.remove_metadata())
    magic = schema.metadata[b"magic"]
    messages = []
    for start in range(0, len(table), MAX_ROWS):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
            writer.write_table(table.slice(start, MAX_ROWS).combine_chunks())
        body = memoryview(sink.getvalue())
        messages.append(b"".join([_HEADER.pack(magic, zlib.crc32(body)), body]))
    return messages


def unpack(value: bytes, schema: pa.Schema) -> pa.Table:
    """Read a message.

    Raises
    ------
    FrameError
        Not a message of this kind and version, cut short, or damaged.
    """
    body = _body(value, schema.metadata[b"magic"])
    try:
        table = pa.ipc.open_stream(body).read_all()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FrameError(f"a message that cannot be read: {error}") from error
    if not table.schema.equals(schema.remove_metadata()):
        raise FrameError("a message with other columns than this version has")
    if missing := [
        field.name for field in schema if field.type != _WHEN and table.column(field.name).null_count
    ]:
        raise FrameError(f"a message with rows that lack {', '.join(missing)}")  # only times may be unknown
    return table


def _body(value: bytes, magic: bytes) -> memoryview:
    if len(value) < _HEADER.size or value[:4] != magic:
        raise FrameError(
            f"not a message of kind {magic.decode()}: starts with {value[:8]!r}, {len(value)} bytes"
        )
    body = memoryview(value)[_HEADER.size :]
    if zlib.crc32(body) != _HEADER.unpack_from(value)[1]:
        raise FrameError(f"a message that is cut short or damaged: {len(value)} bytes, checksum differs")
    return body


def pack_control(control: Control) -> bytes:
    """Return a control message."""
    body = json.dumps({"verb": control.verb, "change": control.change, "model": control.model}).encode()
    return _HEADER.pack(_CONTROL, zlib.crc32(body)) + body


def unpack_control(value: bytes) -> Control | None:
    """Read a control message; None where this is another message.

    Raises
    ------
    FrameError
        A control message that is cut short, damaged, or says something unknown.
    """
    if value[:4] != _CONTROL:
        return None
    try:
        said = json.loads(bytes(_body(value, _CONTROL)))
        control = Control(str(said["verb"]), str(said["change"]), str(said["model"]))
    except (ValueError, KeyError, TypeError) as error:
        raise FrameError(f"a control message that cannot be read: {error}") from error
    if control.verb not in {PREPARE, ABANDON, FORGET, FORGOTTEN}:
        raise FrameError(f"a control message with the unknown verb {control.verb!r}")
    return control


BETWEEN = (
    65_535  # `_partition` of dead letters from the topics between workers, whose offsets are no watermark
)


NOT_A_FRAME = "not_a_frame"
