"""Records that nobody can read: kept as dead letters by their place, and never in the way of what follows."""

import logging
from collections.abc import Sequence

import pyarrow as pa

from streams import frames
from streams.frames import EVENTS, LETTERS, Frame, FrameError
from streams.workers.messages import Message, unpack
from streams.workers.ports import PartitionedStore

__all__ = ["NOT_A_FRAME", "Poison", "frame_of", "tables_of"]

NOT_A_FRAME = "not_a_frame"
_log = logging.getLogger(__name__)


class Poison:
    """Keeps unreadable records of the topics between workers; those of interactions are booked with its frames."""

    def __init__(self, store: PartitionedStore) -> None:
        self._store = store

    def keep(self, message: Message, error: FrameError, now_us: int) -> None:
        """Write the record's place and reason to the dead letters, once."""
        _log.warning("%s[%d] at %d: %s", message.topic, message.partition, message.offset - 1, error)
        self._store.keep_poison(message.topic, message.partition, message.offset - 1, str(error), now_us)


def frame_of(message: Message, now_us: int) -> Frame:
    """Return the frame of a record; of one that is none, a frame with a dead letter that tells its place.

    Its bytes are not kept, since nobody knows whether they name people; they can be read in the topic.
    """
    try:
        return frames.decode(message.value)
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


def tables_of(
    batch: Sequence[Message], topic: str, schema: pa.Schema, poison: Poison, now_us: int
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
