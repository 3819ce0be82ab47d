"""Records that nobody can read, on every topic between the parts: told by their place, and in nobody's way."""

from contextlib import closing

import numpy as np
import pyarrow as pa

from journey.identity.handle_key import HandleKey
from schemas.topics import EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.clock import system_clock
from streams.edge import Edge
from streams.kafka.clients import producer
from streams.log import messages
from streams.log.frame import encode
from tests.real_workers.deployment import KEY
from tests.real_workers.events import stream
from tests.real_workers.tables import assert_equal, expected

TOPICS = {INTERACTIONS: None, IDENTITY_MAP: messages.MAP, LINKS: messages.LINKS, EVIDENCE: messages.EVIDENCE}
LETTERS = "SELECT topic, topic_partition, topic_offset, detail FROM dead_letters WHERE reason = 'not_a_frame'"


def whole(topic: str, lines: list[bytes]) -> bytes:
    """Return a record of a topic that is whole; between workers, one whose rows lack what they must have."""
    schema = TOPICS[topic]
    if schema is None:
        return encode(
            Edge(HandleKey(KEY, separate=True)).pack(lines[:5], topic="test", now_us=system_clock())
        )
    columns = {
        name: pa.array(np.ones(3), kind) if pa.types.is_integer(kind) else pa.nulls(3, kind)
        for name, kind in zip(schema.names, schema.types, strict=True)
    }
    (value,) = messages.pack(pa.table(columns), schema)
    return value


def poison(value: bytes) -> list[bytes]:
    """Return records that cannot be read, made from a whole one."""
    flipped = bytearray(value)
    flipped[len(value) // 2] ^= 4
    return [
        b"",
        b"hello",
        value[:-7],
        value[:6],
        bytes(flipped),
        value[:3] + b"9" + value[4:],
        value + b"more",
        bytes(900_000 if value[:3] == b"AJM" else 2_000_000),  # what the topic takes at most
        *([] if value[:3] == b"AJF" else [value]),
    ]


def test_what_cannot_be_read_becomes_a_dead_letter_with_its_place_and_the_rest_goes_on(deploy, tmp_path):
    lines = stream(21, customers=15)
    there = deploy(partitions=2)
    half = len(lines) // 2
    there.publish(lines[:half], size=30)
    sent = []
    with closing(producer(there.kafka, max_request_size=4_194_304)) as out:
        for topic in TOPICS:
            for number, value in enumerate(poison(whole(topic, lines))):
                partition = 0 if topic == LINKS else number % 2
                found = there.send(out, topic, value, partition, key=b"poison").get(30)
                sent.append((topic, partition, found.offset))
    workers = [there.worker(), there.worker()]
    there.publish(lines[half:], size=30, after=half)
    there.settle()
    assert all(worker.running for worker in workers)
    with closing(there.store()) as store:
        letters = store.rows(LETTERS)
    assert sorted((row["topic"], row["topic_partition"], row["topic_offset"]) for row in letters) == sorted(
        sent
    )
    assert all(row["detail"] for row in letters)
    want = expected(lines, tmp_path)
    for name in ("received", "dead_letters"):
        want["books"][0][name] += len(sent)
    assert_equal(there, want, without="not_a_frame")
