"""A topic has who enters and leaves as CloudEvents, each customer's in order in one partition, from where it was."""

import json
import uuid

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from streams.process.degraded import Degraded
from streams.settings import SettingsError
from tests.destinations.world import everybody, found, in_sync, look, serving, states, told
from tests.fixtures.servers.process import wait_until
from tests.readable.world import load, opened, people

NOBODY = "SELECT customer FROM customers WHERE 0"


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people(range(6)))
        look(embedded, everybody())
        yield embedded


@pytest.fixture
def topic(kafka):
    name = f"audiences-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers)
    admin.create_topics([NewTopic(name, 3, 1)])
    admin.close()
    return name


def topics(folder, kafka, topic, more=""):
    text = f'[[destination]]\nname = "bus"\nkind = "kafka"\naudiences = ["a"]\ntopic = "{topic}"\nservers = ["{kafka.servers}"]\n{more}'
    return found(folder, text)


def records(kafka, topic):
    """Return all records of a topic, by partition, in order."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.servers, auto_offset_reset="earliest")
    partitions = [TopicPartition(topic, number) for number in range(3)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    found = []
    while any(consumer.position(one) < ends[one] for one in partitions):
        for some in consumer.poll(500).values():
            found += some
    consumer.close()
    return found


def test_each_customers_events_are_in_one_partition_in_order_and_none_comes_again_after_a_start(
    engine, tmp_path, kafka, topic
):
    destinations = topics(tmp_path, kafka, topic, "readable = true")
    with serving(engine, destinations):
        in_sync(engine, destinations)
    look(engine, everybody(sql=NOBODY))
    with serving(engine, destinations):
        in_sync(engine, destinations)
    found = records(kafka, topic)
    assert len(found) == len(told(engine)) == 12
    by_customer: dict[str, list[tuple[int, str]]] = {}
    for one in found:
        event = json.loads(one.value)
        assert dict(one.headers)["content-type"] == b"application/cloudevents+json"
        assert one.key.decode() == f"{event['data']['brand']}/{event['subject']}"
        by_customer.setdefault(event["subject"], []).append((one.partition, event["type"]))
    for events in by_customer.values():
        assert len({partition for partition, _ in events}) == 1
        assert [kind for _, kind in events] == ["journey.audience.entered", "journey.audience.left"]
    numbers = [json.loads(one.value)["data"]["handles"] for one in found]
    assert sorted(one["user"] for one in numbers[:1])
    assert all(set(one) == {"user", "loyalty"} for one in numbers)


def test_another_library_takes_the_records_for_cloudevents(engine, tmp_path, kafka, topic):
    destinations = topics(tmp_path, kafka, topic)
    with serving(engine, destinations):
        in_sync(engine, destinations)
    one = records(kafka, topic)[0]
    message = KafkaMessage(headers=dict(one.headers), key=one.key, value=one.value)
    event = from_structured_event(message, JSONFormat())
    assert event.get_type() == "journey.audience.entered"


def test_a_broker_that_pauses_is_waited_for_and_a_topic_that_is_missing_named(engine, tmp_path, kafka, topic):
    missing = topics(tmp_path, kafka, f"{topic}-not-there")
    destinations = [missing[0].model_copy(update={"name": "lost"}), *topics(tmp_path, kafka, topic)]
    degraded = Degraded()
    with serving(engine, destinations, degraded=degraded):
        in_sync(engine, destinations[1:])
        wait_until(lambda: states(engine, destinations)["lost", "a"].is_failing, 90, "the failure kept")
        (said,) = degraded.sentences()
    assert said.startswith("destination lost/a: not delivered, tried again: ")
    assert len(records(kafka, topic)) == 6


def test_without_any_kafka_it_is_refused_in_words(engine, tmp_path):
    text = '[[destination]]\nname = "bus"\nkind = "kafka"\naudiences = ["a"]\ntopic = "t"\n'
    with (
        pytest.raises(SettingsError, match="destination 'bus': which Kafka"),
        serving(engine, found(tmp_path, text)),
    ):
        pass
