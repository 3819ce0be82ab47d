"""The gateway against a real Kafka: single events in, frames out, whatever else stands among them."""

import gzip
import json
from dataclasses import replace

import kafka
import pyarrow as pa
import pytest

from streams.edge import Edge
from streams.kafka import topics
from streams.kafka.errors import BrokerError
from streams.kafka.gateway import Gateway
from streams.kafka.groups import GATEWAY
from streams.mood.moods import moods_of
from streams.settings import KafkaSettings
from tests.fixtures.servers.process import wait_until
from tests.kafka.broker import (
    KEY,
    PARTITIONS,
    assert_in_their_partitions,
    event,
    events,
    ids,
    letters,
    line,
    running,
    settings_for,
)  # fmt: skip
from tests.kafka.test_records import NotUtf8

WITHIN_S = 60


def taken(gateway: Gateway) -> int:
    return gateway.state.events + sum(gateway.state.dead_letters.values())


def wait_for(gateway: Gateway, count: int) -> None:
    wait_until(lambda: taken(gateway) >= count, WITHIN_S, f"{count} records, has {taken(gateway)}")


def unread(settings) -> int:
    """Records of events.in that the group has not committed."""
    with topics.admin(settings.kafka) as admin:
        name, group = settings.kafka.prefix + "events.in", settings.kafka.prefix + GATEWAY
        places = [kafka.TopicPartition(name, partition) for partition in range(PARTITIONS)]
        ends = admin.list_partition_offsets(dict.fromkeys(places, -1))
        done = admin.list_group_offsets({group: places})[group]
        return sum(ends[place].offset - max(0, done[place].offset) for place in places)


@pytest.mark.parametrize("languages", [{}, {"": ("en",)}])
def test_what_a_person_wrote_is_in_no_record_that_is_written(settings, records, languages):
    texts = [
        "I hate it, zzplanted",
        "I hate it, zzplanted " * 9_000,
        "I hate it, zzplanted \ud83d",
        '"text":"I hate it, zzplanted',
    ] * 3
    there = records(settings)
    lines = [line(number, text=text) for number, text in enumerate(texts)]
    broken = [
        lines[0][:-1],
        lines[0].replace(b"zzplanted", b"zzplanted\x01"),
        line("no", text=["zzplanted"]),
        line("no", text="zzplanted", currency="?"),
    ]
    there.write_all("events.in", [*lines, *broken], PARTITIONS)
    for number, text in enumerate(texts):
        made = event(f"binary-{number}", text=text)
        headers = [(f"ce_{name}", str(value).encode()) for name, value in made.items() if name != "data"]
        there.write("events.in", json.dumps(made["data"]).encode(), headers=headers)
    with running(settings, Edge(KEY, moods=moods_of(languages))) as gateway:
        wait_for(gateway, 2 * len(texts) + len(broken))
    frames = [frame for _, frame in there.frames()]
    found = [row for frame in frames for row in frame.events.to_pylist()]
    wrong = [row for frame in frames for row in frame.letters.to_pylist()]
    assert (len(found), len(wrong)) == (2 * len(texts), len(broken))
    assert "zzplanted" not in str([found, wrong])
    assert {row["sentiment"] is None for row in found} == {not languages}
    assert not [record for record in there.read("interactions") if b"zzplanted" in record.value]


def test_single_events_become_frames_of_the_same_events(settings, records):
    lines = [line(number, amount=number / 8, currency="EUR") for number in range(3_000)]
    there = records(settings)
    there.write_all("events.in", lines, PARTITIONS)
    with running(settings) as gateway:
        wait_for(gateway, len(lines))
    frames = there.frames()
    assert_in_their_partitions(frames, PARTITIONS)
    whole = Edge(KEY).pack(lines, topic="t", now_us=gateway.state.progress_us)
    packed = pa.Table.from_batches([whole.events.replace_schema_metadata(None)])
    assert events(frames).sort_by("id").equals(packed.sort_by("id"))
    assert {frame.topic for _, frame in frames} == {f"{settings.kafka.prefix}events.in"}
    assert gateway.state.events == len(lines)
    assert gateway.state.frames == len(frames)
    assert unread(settings) == 0


def test_partitions_that_events_in_gained_are_read_within_half_a_minute(settings, records):
    there = records(settings)
    with running(settings) as gateway:
        there.write_all("events.in", [line(number) for number in range(10)], PARTITIONS)
        wait_for(gateway, 10)
        with topics.admin(settings.kafka) as admin:
            admin.create_partitions({settings.kafka.prefix + "events.in": PARTITIONS + 3})
        later = records(settings)  # a producer that knows of them
        later.write_all("events.in", [line(number) for number in range(10, 40)], PARTITIONS + 3)
        wait_until(lambda: taken(gateway) >= 40, 30, f"40 records, has {taken(gateway)}")
    assert ids(there.frames()) == {f"e-{number}": 1 for number in range(40)}


def test_events_of_one_record_key_stay_in_order(settings, records):
    there = records(settings)
    there.write_all("events.in", [line(number, handles={"cookie": "one"}) for number in range(500)], 1)
    with running(settings) as gateway:
        wait_for(gateway, 500)
    numbers = [int(name.removeprefix("e-")) for name in events(there.frames()).column("id").to_pylist()]
    assert numbers == sorted(numbers)


def test_binary_mode_is_taken_as_structured_mode_is(settings, records):
    there = records(settings)
    for number in range(10):
        one = event(number)
        headers = [(f"ce_{name}", str(value).encode()) for name, value in one.items() if name != "data"]
        value = json.dumps(one["data"]).encode()
        there.write("events.in", value, headers=[*headers, ("content-type", b"application/json")])
    with running(settings) as gateway:
        wait_for(gateway, 10)
    assert ids(there.frames()) == {f"e-{number}": 1 for number in range(10)}


POISON = {
    "a tombstone": (None, [], "not_json"),
    "nothing": (b"", [], "not_json"),
    "binary garbage": (bytes(range(256)) * 4, [], "not_json"),
    "a megabyte": (b"x" * 1_000_000, [], "too_large"),
    "a gzip": (gzip.compress(b"{}"), [], "not_json"),
    "another JSON": (b'[{"a": 1}]', [], "not_json"),
    "no event": (b"{}", [], "missing_field"),
    "a batch of events": (
        b"[%s]" % line(1),
        [("content-type", b"application/cloudevents-batch+json")],
        "not_json",
    ),
    "a wrong value": (line("w", rating=11), [], "bad_value"),
    "nobody": (line("n", handles={"cookie": "null"}), [], "no_handle"),
    "the future": (line("f", time="2999-01-01T00:00:00Z"), [], "time_ahead"),
    "a binary tombstone": (None, [("ce_id", b"1")], "missing_field"),
    "a binary garbage": (b"\x00\xff", [("ce_id", b"1"), ("ce_type", b"\xff")], "not_json"),
    "a header key in Latin-1": (line("l"), [(NotUtf8("x"), b"1")], "not_json"),
    "an empty id": (line("h"), [("ce_id", b"")], "bad_value"),
}


def test_what_is_no_event_becomes_a_dead_letter_with_its_place_and_holds_nothing_up(settings, records):
    there, wanted = records(settings), {}
    for number, (value, headers, reason) in enumerate(POISON.values()):
        partition = number % PARTITIONS
        there.write("events.in", line(f"before-{number}"), partition=partition)
        wanted[partition, there.write("events.in", value, partition=partition, headers=headers)] = reason
        there.write("events.in", line(f"after-{number}"), partition=partition)
    with running(settings) as gateway:
        wait_for(gateway, 3 * len(POISON))
    frames = there.frames()
    found = {
        (letter["topic_partition"], letter["topic_offset"]): letter["reason"] for letter in letters(frames)
    }
    assert found == wanted
    assert set(ids(frames)) == {
        f"{side}-{n}".join(["e-", ""]) for side in ("before", "after") for n in range(len(POISON))
    }
    assert sum(frame.received for _, frame in frames) == 3 * len(POISON)
    assert gateway.state.dead_letters == {
        reason: list(wanted.values()).count(reason) for reason in set(wanted.values())
    }
    assert unread(settings) == 0


def test_records_compressed_by_their_producer_are_read(settings, records):
    there = records(settings)
    for number, codec in enumerate(("gzip", "lz4", "zstd")):
        producer = kafka.KafkaProducer(bootstrap_servers=settings.kafka.servers[0], compression_type=codec)
        for copy in range(50):
            producer.send(f"{settings.kafka.prefix}events.in", line(f"{codec}-{copy}"), partition=number)
        producer.close()
    with running(settings) as gateway:
        wait_for(gateway, 150)
    assert len(ids(there.frames())) == 150


def test_of_a_transaction_that_was_aborted_nothing_is_taken(settings, records):
    name = f"{settings.kafka.prefix}events.in"
    producer = kafka.KafkaProducer(bootstrap_servers=settings.kafka.servers[0], transactional_id=name)
    producer.init_transactions()
    for number, end in enumerate((producer.commit_transaction, producer.abort_transaction) * 2):
        producer.begin_transaction()
        producer.send(name, line(number), partition=0)
        end()
    producer.close()
    with running(settings) as gateway:
        wait_until(
            lambda: gateway.state.events == 2 and unread(settings) == 0, WITHIN_S, "all to be committed"
        )
    assert set(ids(records(settings).frames())) == {"e-0", "e-2"}


def test_gateways_share_the_work_and_take_over_from_one_that_leaves(settings, records):
    there = records(settings)
    with running(settings) as staying:
        with running(settings) as leaving:
            wait_until(
                lambda: sorted(len(one.state.lag) for one in (staying, leaving)) == [2, 2],
                WITHIN_S,
                "both to have work",
            )
            there.write_all("events.in", [line(number) for number in range(1_000)], PARTITIONS)
            wait_until(lambda: taken(staying) + taken(leaving) >= 1_000, WITHIN_S, "1000 records")
            assert taken(leaving) > 0
        there.write_all("events.in", [line(number) for number in range(1_000, 2_000)], PARTITIONS)
        wait_until(lambda: taken(staying) + taken(leaving) >= 2_000, WITHIN_S, "2000 records")
    assert set(ids(there.frames())) == {f"e-{number}" for number in range(2_000)}
    assert unread(settings) == 0


def test_a_gateway_waits_for_a_broker_that_is_away_and_loses_nothing(own, broker, records):
    there = records(own)
    there.write_all("events.in", [line(number) for number in range(500)], PARTITIONS)
    broker.kill()
    with running(own) as gateway:
        wait_until(lambda: gateway.state.error, WITHIN_S, "it to notice")
        assert not gateway.state.ready
        broker.start()
        wait_for(gateway, 500)
        broker.restart()
        there.write_all("events.in", [line(number) for number in range(500, 1_000)], PARTITIONS)
        wait_for(gateway, 1_000)
        assert gateway.state.ready
    assert set(ids(there.frames())) == {f"e-{number}" for number in range(1_000)}


def test_without_its_topics_a_gateway_says_how_to_make_them(bare):
    with pytest.raises(BrokerError, match="journey topics create"):
        Gateway(bare, Edge(KEY)).run()


def test_without_servers_a_gateway_says_which_setting_is_missing():
    nowhere = replace(settings_for(""), kafka=KafkaSettings())
    with pytest.raises(BrokerError, match="JOURNEY_KAFKA is not set"):
        Gateway(nowhere, Edge(KEY)).run()
