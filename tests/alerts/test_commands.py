"""The commands on a server, and the topic."""

import json
import os

import pytest

from streams.alerts.delivery.deliverer import Deliverer, Pauses
from streams.settings import KafkaSettings
from tests.alerts.delivering import outcomes
from tests.alerts.examples import NOW_US, told
from tests.alerts.world import World
from tests.on_server.conftest import Command


@pytest.fixture(scope="module")
def world(clickhouse):
    world = World(dsn := clickhouse.database_with_tables())
    world.poll()
    world.burst(12, content="movie")
    assert world.poll() == ["opened"]
    yield world, Command({"JOURNEY_STORE": dsn, "PATH": os.environ["PATH"]})
    world.store.close()


def test_an_alert_is_listed_shown_taken_on_and_its_brand_silenced(world):
    world, journey = world
    (found,) = journey.json("alerts", "list")
    assert (found["value"], found["people"]) == ("movie", 12)
    assert found["alert"] in journey("alerts", "list")
    assert journey.json("alerts", "show", found["alert"][:5])["reason"]["carried_by"]
    assert "12 people recommend acme" in journey("alerts", "show", found["alert"])
    assert "taken on by ada" in journey("alerts", "ack", found["alert"], "--by", "ada")
    assert "silent until" in journey("alerts", "silence", "--for", "2h", "--brand", "acme", "--by", "ada")
    assert [mark.mark for mark in world.ledger.marks()] == ["ack", "silence"]
    journey("alerts", "ack", "zz", code=2)
    assert "no alerts have an id" in journey.errors
    journey("alerts", "silence", "--for", "soon", code=2)
    assert "--for soon" in journey.errors


def test_history_is_backtested_by_a_command(world):
    _, journey = world
    (found,) = journey.json(
        "spikes", "backtest", "--brand", "acme", "--from", "2026-06-04T20:00", "--to", "2026-06-05T00:10"
    )
    assert (found["scope"], found["people"]) == ("content movie", 12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Kafka's client
def test_every_change_is_on_the_topic_in_order(kafka):
    from streams.alerts.delivery.topic import Everything, TopicSend  # noqa: PLC0415 - with Kafka's client
    from streams.kafka.clients import consumer  # noqa: PLC0415
    from streams.kafka.topics import create  # noqa: PLC0415

    settings = KafkaSettings(servers=(kafka.servers,), prefix=kafka.fresh_prefix())
    create(settings, 1)
    send = TopicSend(settings)
    deliverer = Deliverer([], more=[(Everything(), send)], clock=lambda: NOW_US, pauses=Pauses(0.05, 0.1))
    for number in (1, 2, 3):
        deliverer.offer(told(number, silenced=number == 2))
    assert [one[1:3] for one in outcomes(deliverer, 3)] == [(n, "delivered") for n in (1, 2, 3)]
    deliverer.stop()
    send.close()
    reader = consumer(settings, auto_offset_reset="earliest")
    reader.subscribe([settings.prefix + "alerts"])
    found = []
    while len(found) < 3:
        for records in reader.poll(5_000).values():
            found += [json.loads(record.value)["data"]["sequence"] for record in records]
    reader.close()
    assert found == [1, 2, 3]
