"""Builds records of the topic `dead-letters` for applications, with the rows that the table gets."""

import json
from collections.abc import Iterable

from schemas.topics import DEAD_LETTERS
from streams.clock import from_us
from streams.log.batch import Record
from streams.log.messages import Outgoing

__all__ = ["letters_of"]


def letters_of(records: Iterable[Record]) -> list[Outgoing]:
    """Return a record for each dead letter of frames; one that is sent again has the same key and value."""
    outgoing = []
    for record in records:
        for index, letter in enumerate(record.frame.letters.to_pylist()):
            said = letter | {
                "topic": record.frame.topic,
                "received": from_us(record.frame.packed_us).isoformat(),
                "bytes": letter["bytes"].decode("utf-8", "backslashreplace"),
            }
            key = f"{record.partition}/{record.offset}/{index}".encode()
            value = json.dumps(said, ensure_ascii=False).encode()
            outgoing.append(Outgoing(DEAD_LETTERS, record.partition, value, key))
    return outgoing
