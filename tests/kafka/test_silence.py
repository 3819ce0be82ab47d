"""A consumer that returns nothing though records wait is found out; one that has nothing to read is let be."""

import time
from contextlib import ExitStack

import pytest

from streams.kafka import clients, stuck_consumer
from streams.kafka.errors import BrokerError
from tests.fixtures.servers.process import wait_until
from tests.kafka.broker import line


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(stuck_consumer, "_LOOK_S", 0.05)
    monkeypatch.setattr(stuck_consumer, "_LONGEST_S", 1.0)


@pytest.fixture
def member(settings):
    """Return a member of the group that reads a topic, and what looks after it."""
    with ExitStack() as stack:

        def joined(topic):
            source = clients.consumer(
                settings.kafka, group_id=settings.kafka.prefix + "g", auto_offset_reset="earliest"
            )
            stack.callback(source.close)
            source.subscribe([settings.kafka.prefix + topic])
            source.partitions_for_topic(settings.kafka.prefix + topic)
            return source, stuck_consumer.StuckConsumerDetector(source, settings.kafka.prefix + topic)

        yield joined


def look_for(seconds, watch, source=None):
    """Look for so long, and poll if there is something to poll; returns what was seen last."""
    until_s, seen = time.monotonic() + seconds, None
    while time.monotonic() < until_s:
        if source is not None:
            source.poll(timeout_ms=20)
        seen = watch.look() or seen
    return seen


def test_a_member_that_gets_no_records_though_they_wait_is_found_out(settings, records, member):
    source, watch = member("links")
    wait_until(lambda: source.poll(timeout_ms=100) == {} and source.assignment(), 30, "its partition")
    assert look_for(2, watch, source) == {0: 0}
    source.pause(*source.assignment())
    records(settings).write("links", line(1))
    with pytest.raises(BrokerError, match=r"1 records of .*links wait, and none came for 1 s"):
        look_for(10, watch, source)


def test_a_member_without_partitions_looks_at_what_the_others_have_read(settings, records, member):
    working, _ = member("links")
    idle, watch = member("links")  # it never polls, so it never gets any
    there = records(settings)
    for number in range(3):
        there.write("links", line(number))
        wait_until(lambda: working.poll(timeout_ms=200), 30, "the record")
        working.commit()
        look_for(0.5, watch)
    assert look_for(2, watch) is None
    assert not idle.assignment()
    there.write("links", line(3))
    with pytest.raises(BrokerError, match=r"1 records of .*links wait"):
        look_for(10, watch)
