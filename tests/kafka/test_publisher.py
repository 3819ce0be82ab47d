"""The publisher against a real Kafka: refused at once, acknowledged in frames, failures told and never swallowed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from journey.identity.handle_key import HandleKey
from streams.edge import Edge
from streams.kafka.errors import BrokerError, DeliveryError, InvalidEvent, TopicError
from streams.kafka.publisher import Publisher, PublisherPolicy
from streams.settings import SettingsError
from tests.fixtures.servers.process import wait_until
from tests.kafka.broker import KEY, PARTITIONS, assert_in_their_partitions, event, events, ids, line


def test_every_event_is_in_interactions_once_as_the_edge_packs_it(settings, records):
    numbers = range(12_345)
    with Publisher(settings) as publisher:
        for number in numbers:
            publisher.publish(event(number) if number % 2 else line(number))
    frames = records(settings).frames()
    whole = Edge(HandleKey(KEY, separate=True)).pack(
        [line(number) for number in numbers], topic="t", now_us=frames[0][1].packed_us
    )
    packed = pa.Table.from_batches([whole.events.replace_schema_metadata(None)])
    assert events(frames).sort_by("id").equals(packed.sort_by("id"))
    assert_in_their_partitions(frames, PARTITIONS)
    assert len(frames) == 3 * PARTITIONS


@pytest.mark.parametrize(
    ("wrong", "reason", "pointer"),
    [
        ({"id": "1"}, "missing_field", "/source"),
        (event(1, rating=11), "bad_value", "/data/rating"),
        (event(1, colour="red"), "unknown_field", "/data/colour"),
        (event(1, handles={"cookie": "null"}), "no_handle", "/data/handles"),
        (event(1, time="2999-01-01T00:00:00Z"), "time_ahead", "/time"),
        (event(1, time="1899-01-01T00:00:00Z"), "time_too_old", "/time"),
        (event(1, amount=1), "no_currency", "/data/currency"),
        (event(1, properties={"text": "x" * 9_000}), "too_large", "/data/properties"),
        (event(1, properties={"object": object()}), "not_json", "/"),
        (b"{" + b"x" * 40_000, "too_large", "/"),
        (b"\xff", "not_json", "/"),
        ("[]", "not_json", "/"),
    ],
)
def test_an_event_that_is_none_is_refused_at_once_with_the_place(settings, records, wrong, reason, pointer):
    with Publisher(settings) as publisher:
        publisher.publish(line(1))
        with pytest.raises(InvalidEvent) as refused:
            publisher.publish(wrong)
        publisher.publish(line(2))
    assert (refused.value.reason, refused.value.pointer) == (reason, pointer)
    assert ids(records(settings).frames()) == {"e-1": 1, "e-2": 1}


def test_times_may_be_given_as_datetimes(settings, records):
    with Publisher(settings) as publisher:
        publisher.publish(event(1) | {"time": datetime(2026, 10, 17, 20, 0, tzinfo=UTC)})
    (time,) = events(records(settings).frames()).column("time").to_pylist()
    assert time == datetime(2026, 10, 17, 20, 0, tzinfo=UTC)


def test_what_is_published_is_acknowledged_when_flush_returns(settings, records):
    with Publisher(settings, policy=PublisherPolicy(linger_s=600)) as publisher:
        publisher.publish(line(1))
        assert ids(records(settings).frames()) == {}
        publisher.flush()
        assert ids(records(settings).frames()) == {"e-1": 1}


def test_an_event_waits_for_others_only_so_long(settings, records):
    there = records(settings)
    with Publisher(settings, policy=PublisherPolicy(linger_s=0.1)) as publisher:
        publisher.publish(line(1))
        wait_until(lambda: ids(there.frames()) == {"e-1": 1}, 30, "the event")
        publisher.publish(line(2))
        wait_until(lambda: len(ids(there.frames())) == 2, 30, "the other event")


def test_as_many_events_as_the_policy_says_are_sent_together(settings, records):
    with Publisher(settings, policy=PublisherPolicy(pack=10, linger_s=600)) as publisher:
        for number in range(25):
            publisher.publish(line(number, handles={"cookie": "one"}))
    assert [len(frame.events) for _, frame in records(settings).frames()] == [10, 10, 5]


def test_threads_share_a_publisher(settings, records):
    with Publisher(settings, policy=PublisherPolicy(pack=50, linger_s=0.01)) as publisher:

        def work(part: int) -> None:
            for number in range(500):
                publisher.publish(line(f"{part}-{number}"))
                if number % 100 == 0:
                    publisher.flush()

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(work, range(8)))
    assert ids(records(settings).frames()) == {f"e-{part}-{n}": 1 for part in range(8) for n in range(500)}


def test_the_books_call_events_by_their_origin(settings, records):
    with Publisher(settings, policy=PublisherPolicy(origin="shop")) as publisher:
        publisher.publish(line(1))
    assert {frame.topic for _, frame in records(settings).frames()} == {"shop"}


def test_new_partitions_are_used_once_they_are_known(settings, records):
    from streams.kafka import topics  # noqa: PLC0415

    with Publisher(settings) as publisher:
        topics.grow(settings.kafka, 16)
        publisher._sender._client._metadata.request_update()
        wait_until(lambda: publisher._sender.partitions() == 16, 60, "the client to hear of them")
        for number in range(200):
            publisher.publish(line(number))
    frames = records(settings).frames()
    assert_in_their_partitions(frames, 16)
    assert len(frames) > PARTITIONS


def test_a_closed_publisher_takes_nothing(settings):
    publisher = Publisher(settings)
    publisher.close()
    publisher.close()
    with pytest.raises(BrokerError, match="closed"):
        publisher.publish(line(1))
    assert "publisher-linger" not in {thread.name for thread in threading.enumerate()}


def test_without_a_key_or_topics_it_says_what_to_do(bare):
    with pytest.raises(SettingsError, match="JOURNEY_HANDLE_KEY is not set"):
        Publisher(replace(bare, handle_key=None))
    with pytest.raises(TopicError, match="journey topics create"):
        Publisher(bare)


def test_servers_and_key_are_enough(kafka, settings, monkeypatch):
    monkeypatch.setenv("JOURNEY_KAFKA", "no server")
    with pytest.raises(TopicError, match="no topic interactions"):
        Publisher(servers=[kafka.servers], key=KEY)


def test_what_kafka_did_not_take_is_told_with_the_events_and_can_be_published_again(own, broker, records):
    with Publisher(own, policy=PublisherPolicy(delivery_s=8)) as publisher:
        publisher.publish(line("there"))
        publisher.flush()
        broker.pause()
        for number in range(100):
            publisher.publish(line(number))
        with pytest.raises(DeliveryError, match="did not acknowledge 100 events") as told:
            publisher.flush()
        broker.resume()
        assert sorted(told.value.events) == sorted(line(number) for number in range(100))
        for lost in told.value.events:
            publisher.publish(lost)
    found = ids(records(own).frames())
    assert set(found) == {"e-there"} | {f"e-{number}" for number in range(100)}
    assert max(found.values()) <= 2  # at least once: a record that was not acknowledged may have arrived


def test_failures_behind_its_back_are_told_by_the_next_publish_or_at_the_end(own, broker):
    publisher = Publisher(own, policy=PublisherPolicy(delivery_s=2, linger_s=0.01))
    broker.pause()  # to the end: what is sent after a resume may still fail, or not, as the machine is busy
    publisher.publish(line(1))
    wait_until(lambda: publisher._sender.has_failed, 30, "the failure")
    with pytest.raises(DeliveryError) as told:
        publisher.publish(line(2))
    assert told.value.events == (line(1),)
    publisher.publish(line(3))
    with pytest.raises(DeliveryError) as told:
        publisher.close()
    assert told.value.events == (line(3),)
