"""Turns unreadable records into dead letters by their offset, so that they never block the records behind them."""

import logging
from collections.abc import Sequence

import pyarrow as pa

from schemas.apath import ModelError, parse_model
from streams.fencing.port import PartitionedStore
from streams.log import frame
from streams.log.frame import EVENTS, LETTERS, Frame, FrameError
from streams.log.messages import (
    FORGET,
    FORGOTTEN,
    NOT_A_FRAME,
    PREPARE,
    Control,
    Message,
    unpack,
    unpack_control,
)

__all__ = ["UnreadableRecords", "control_of", "delivery_of", "erasure_of", "frame_of", "tables_of"]

_log = logging.getLogger(__name__)


class UnreadableRecords:
    """A writer of unreadable records between workers; those of interactions are written with its frames.

    `owned` is the topic whose partitions the worker owns.
    """

    def __init__(self, store: PartitionedStore, owned: str) -> None:
        self._store = store
        self._owned = owned

    def keep(self, message: Message, error: FrameError, now_us: int) -> None:
        """Write the record's place and reason to the dead letters, once."""
        _log.warning("%s[%d] at %d: %s", message.topic, message.partition, message.offset - 1, error)
        self._store.keep_poison(self._owned, message, str(error), now_us)


def control_of(message: Message) -> Control | None:
    """Return what a control message says; None where the record is another, or one that cannot be followed."""
    try:
        control = unpack_control(message.value)
        if control is not None and control.verb == PREPARE:
            parse_model(control.model)
    except (FrameError, ModelError) as error:
        _log.warning("%s[%d] at %d: %s", message.topic, message.partition, message.offset - 1, error)
        return None
    return control


def erasure_of(message: Message) -> Control | None:
    """Return what a control message says of an erasure; None where the record is another."""
    control = control_of(message)
    return control if control is not None and control.verb in {FORGET, FORGOTTEN} else None


def frame_of(message: Message, now_us: int) -> Frame:
    """Return the frame of a record; for an unreadable one, a frame with a dead letter that has its place.

    Its bytes are not kept, since nobody knows whether they name people; they can be read in the topic.
    """
    try:
        return frame.decode(message.value)
    except FrameError as error:
        _log.warning("%s[%d] at %d: %s", message.topic, message.partition, message.offset - 1, error)
        letter = {
            "reason": NOT_A_FRAME,
            "detail": str(error),
            "topic_partition": message.partition,
            "topic_offset": message.offset - 1,
            "bytes": b"",
        }
        events = pa.RecordBatch.from_pylist([], EVENTS)
        return Frame(events, pa.RecordBatch.from_pylist([letter], LETTERS), message.topic, now_us)


def delivery_of(message: Message, now_us: int) -> pa.Table:
    """Return the row of deliveries for a control message: it brings no events, but its offset is dealt with."""
    none = pa.array([0], pa.uint32())
    return pa.table(
        {
            "topic": pa.array([message.topic]),
            "received": none,
            "stored": none,
            "duplicates": none,
            "conflicts": none,
            "dead_letters": none,
            "received_at": pa.array([now_us], pa.timestamp("us", "UTC")),
            "_partition": pa.array([message.partition], pa.uint16()),
            "_offset": pa.array([message.offset], pa.uint64()),
        }
    )


def tables_of(
    batch: Sequence[Message], topic: str, schema: pa.Schema, poison: UnreadableRecords, now_us: int
) -> pa.Table:
    """Return the rows of all records of a topic in a batch, in log order; what cannot be read is kept as poison."""
    tables = [schema.empty_table().replace_schema_metadata(None)]
    for message in batch:
        if message.topic == topic:
            try:
                tables.append(unpack(message.value, schema))
            except FrameError as error:
                poison.keep(message, error, now_us)
    return pa.concat_tables(tables).combine_chunks()
