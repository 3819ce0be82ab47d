"""Gateway, publisher and broker killed: what was acknowledged is in interactions, and nothing that was not sent."""

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from random import Random

import kafka
import pytest
from kafka.admin import MemberToRemove

from journey.identity.handle_key import HandleKey
from streams.edge import Edge
from streams.kafka import clients, topics
from streams.kafka.errors import DeliveryError
from streams.kafka.groups import GATEWAY
from streams.kafka.publisher import Publisher, PublisherPolicy
from streams.settings import Settings
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until
from tests.kafka.broker import KEY, PARTITIONS, Records, assert_in_their_partitions, events, letters, line
from tests.kafka.test_gateway import unread

ROOT = Path(__file__).parents[2]
KILLED = -9
WITHIN_S = 120
SENT = 50  # at once, and then nothing for a moment: what is sent is what costs, and there is always some on its way
SOAK = int(os.environ.get("JOURNEY_SOAK", "1"))


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return (
        os.environ
        | {
            "JOURNEY_KAFKA": ",".join(settings.kafka.servers),
            "JOURNEY_TOPIC_PREFIX": settings.kafka.prefix,
            "JOURNEY_HANDLE_KEY": KEY.hex(),
            "JOURNEY_BATCH_SECONDS": "0.02",
            "JOURNEY_WEB_PORT": "0",
        }
        | more
    )


def start_gateway(settings: Settings, **more: str) -> subprocess.Popen:
    return commands.Command([commands.JOURNEY, "gateway"], env=environment(settings, **more))


def bury(settings: Settings) -> None:
    """Take members that were killed out of the group, rather than wait until their session has ended."""
    group = settings.kafka.prefix + GATEWAY
    with topics.admin(settings.kafka) as admin:
        members = admin.describe_groups([group])[group]["members"]
        if members:
            admin.remove_group_members(group, [MemberToRemove(member_id=one["member_id"]) for one in members])


def keys(lines) -> set[bytes]:
    """Return the keys of events, by which intake knows one from another."""
    now_us = time.time_ns() // 1000
    return set(
        Edge(HandleKey(KEY, separate=True))
        .pack(list(lines), topic="t", now_us=now_us)
        .events.column("event")
        .to_pylist()
    )


def assert_holds(settings: Settings, lines) -> None:
    """All of these events, and no others, are in interactions, once or more."""
    there = Records(settings.kafka)
    frames = there.frames()
    assert set(events(frames).column("event").to_pylist()) == keys(lines)
    assert_in_their_partitions(frames, PARTITIONS)


def stop(gateway: subprocess.Popen) -> None:
    gateway.terminate()
    assert gateway.wait(60) == 0


def test_a_gateway_killed_at_every_write_takes_up_where_it_was(settings, records):
    there = records(settings)
    lines = [line(number) for number in range(4_000)]
    places = {(0, there.write("events.in", b"no event")): "not_json"}
    points = [f"kafka.{name}.{side}" for name in ("send", "commit") for side in ("before", "after")]
    for number, point in enumerate(points):
        there.write_all("events.in", lines[number * 1_000 : (number + 1) * 1_000], PARTITIONS)
        gateway = start_gateway(settings, JOURNEY_FAULT=f"{point}:{1 + number % 2}")
        if number % 2:  # it is killed at the second poll
            wait_until(lambda: unread(settings) == 0, WITHIN_S, "the first poll")
            there.write("events.in", line(number))  # again: it is found out by its key
        assert gateway.wait(WITHIN_S) == KILLED, point
        bury(settings)
    there.write_all("events.in", lines[:1_000], PARTITIONS)
    gateway = start_gateway(settings)
    wait_until(lambda: unread(settings) == 0, WITHIN_S, "everything to be read")
    stop(gateway)
    assert_holds(settings, lines)
    found = {
        (letter["topic_partition"], letter["topic_offset"]): letter["reason"]
        for letter in letters(there.frames())
    }
    assert found == places


class Writing:
    """A client that writes events one by one, in a thread, and keeps a ledger of those that were acknowledged."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.kafka
        self.ledger: list[bytes] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        producer = clients.producer(self._settings, linger_ms=5, delivery_timeout_ms=90_000)
        name, number = self._settings.prefix + "events.in", 0
        while not self._end.is_set():
            lines = [line(number + more) for more in range(SENT)]
            sent = [producer.send(name, one, partition=n % PARTITIONS) for n, one in enumerate(lines)]
            for future in sent:
                future.get(100)
            self.ledger += lines
            number += SENT
            self._end.wait(0.02)
        producer.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()


def kill_gateways(settings: Settings, random: Random, kills: int) -> list[bytes]:
    """Kill a gateway over and over while events come in; return those that were acknowledged."""
    with Writing(settings) as writing:
        for _ in range(kills):
            gateway = start_gateway(settings)
            wait_for_frames(settings)
            time.sleep(random.uniform(0, 0.5))
            gateway.kill()
            gateway.wait()
            bury(settings)
        gateway = start_gateway(settings)
    wait_until(lambda: unread(settings) == 0, WITHIN_S, "everything to be read")
    stop(gateway)
    return writing.ledger


def wait_for_frames(settings: Settings) -> None:
    """Wait until a gateway has sent something."""
    before = frame_count(settings)
    wait_until(lambda: frame_count(settings) > before, WITHIN_S, "the gateway to work")


def frame_count(settings: Settings) -> int:
    with topics.admin(settings.kafka) as admin:
        places = [kafka.TopicPartition(f"{settings.kafka.prefix}interactions", p) for p in range(PARTITIONS)]
        return sum(found.offset for found in admin.list_partition_offsets(dict.fromkeys(places, -1)).values())


def test_a_gateway_killed_at_random_loses_nothing_and_makes_nothing_up(settings):
    assert_holds(settings, kill_gateways(settings, Random(11), kills=3))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_a_gateway_killed_at_random_many_times_loses_nothing(settings, seed):
    assert_holds(settings, kill_gateways(settings, Random(seed), kills=4 * SOAK))


def kill_brokers(broker, random: Random, kills: int) -> None:
    for _ in range(kills):
        time.sleep(random.uniform(0.3, 2))
        broker.kill()
        time.sleep(random.uniform(0, 1))
        broker.start()


def broker_dies_under_gateway(own: Settings, broker, random: Random, kills: int) -> None:
    gateway = start_gateway(own)
    with Writing(own) as writing:
        wait_for_frames(own)
        kill_brokers(broker, random, kills)
    wait_until(lambda: unread(own) == 0, WITHIN_S, "everything to be read")
    stop(gateway)
    assert_holds(own, writing.ledger)


def test_a_broker_killed_under_a_gateway_costs_time_and_no_event(own, broker):
    broker_dies_under_gateway(own, broker, Random(12), kills=2)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_a_broker_killed_many_times_under_a_gateway_costs_time_and_no_event(own, broker, seed):
    broker_dies_under_gateway(own, broker, Random(seed), kills=3 * SOAK)


@contextmanager
def publishing(settings: Settings):
    """Publish without end in a thread; yields the ledger of what was acknowledged."""
    ledger: list[bytes] = []
    end = threading.Event()

    def work() -> None:
        number = 0
        with Publisher(settings, policy=PublisherPolicy(pack=100, delivery_s=20)) as publisher:
            while not end.is_set():
                waiting = [line(number + more) for more in range(4 * SENT)]
                number += 4 * SENT
                batch = list(waiting)
                while waiting:
                    try:
                        for one in waiting:
                            publisher.publish(one)
                        publisher.flush()
                        waiting = []
                    except DeliveryError:
                        pass  # all of them again: repeats are harmless
                ledger.extend(batch)
                end.wait(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield ledger
    finally:
        end.set()
        thread.join(WITHIN_S)
    assert not thread.is_alive()


def broker_dies_under_publisher(own: Settings, broker, random: Random, kills: int) -> None:
    with publishing(own) as ledger:
        wait_until(lambda: ledger, WITHIN_S, "the first events")
        kill_brokers(broker, random, kills)
        count = len(ledger)
        wait_until(lambda: len(ledger) > count, WITHIN_S, "events after the last kill")
    assert_holds(own, ledger)


def test_a_broker_killed_under_a_publisher_loses_no_event_that_was_acknowledged(own, broker):
    broker_dies_under_publisher(own, broker, Random(13), kills=2)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_a_broker_killed_many_times_under_a_publisher_loses_no_event(own, broker, seed):
    broker_dies_under_publisher(own, broker, Random(seed), kills=3 * SOAK)


PUBLISHER = """
import sys
from streams.kafka.publisher import Publisher
from tests.kafka.broker import line
with Publisher() as publisher:
    for number in range(1_000_000):
        publisher.publish(line(number))
        if number % 100 == 99:
            publisher.flush()
            print(number, flush=True)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_of_a_publisher_that_was_killed_everything_flushed_is_there(settings, records, seed):
    command = [sys.executable, "-c", PUBLISHER]
    child = subprocess.Popen(
        command, env=environment(settings, PYTHONPATH=str(ROOT)), stdout=subprocess.PIPE, text=True
    )
    last = [int(child.stdout.readline()) for _ in range(Random(seed).randrange(1, 40))][-1]
    child.kill()
    rest = child.stdout.read()  # communicate would pass over lines that readline has read ahead
    child.wait(timeout=60)
    child.stdout.close()
    last = max([last, *map(int, rest.split())])
    found = {
        int(name.removeprefix("e-")) for name in events(records(settings).frames()).column("id").to_pylist()
    }
    assert found >= set(range(last + 1))
    assert found <= set(range(last + 101))
