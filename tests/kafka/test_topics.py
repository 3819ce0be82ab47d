"""Topics in a real Kafka: made once, compared ever after, given more partitions only when nobody is at work."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from kafka.admin import NewTopic

from schemas.topics import topics as declared
from streams.kafka import clients, topics
from streams.kafka.errors import BrokerError, TopicError, UnreachableError
from streams.kafka.groups import GATEWAY, WORKERS
from streams.kafka.sender import Sender
from tests.fixtures.servers.process import free_port, wait_until
from tests.kafka.broker import PARTITIONS, line, running, settings_for


def made(settings, name, partitions, **config):
    with topics.admin(settings.kafka) as admin:
        topic = NewTopic(settings.kafka.prefix + name, partitions, 1, topic_configs=config)
        admin.create_topics([topic], wait_for_metadata=True)


def counts(settings):
    return {
        topic.name.removeprefix(settings.kafka.prefix): topic.partitions
        for topic in topics.listed(settings.kafka)
    }


def test_every_declared_topic_is_made_with_its_configuration(bare):
    names = [bare.kafka.prefix + topic.name for topic in declared()]
    assert [topic.problems() for topic in topics.listed(bare.kafka)] == [["is missing"]] * len(names)
    done = topics.create(bare.kafka, 3)
    assert (done.created, done.present) == (names, [])
    for topic in topics.listed(bare.kafka):
        assert topic.partitions == (topic.declared.partitions or 3)
        assert {name: topic.config[name] for name in topic.declared.config} == topic.declared.config


def test_making_them_again_changes_nothing(settings):
    done = topics.create(settings.kafka, PARTITIONS)
    assert (done.created, len(done.present)) == ([], len(declared()))


def test_what_is_missing_is_made_beside_what_is_there(bare):
    made(bare, "links", 1, **{"max.message.bytes": "5000000", "retention.ms": "1000000000"})
    done = topics.create(bare.kafka, 2)
    assert done.present == [bare.kafka.prefix + "links"]
    assert len(done.created) == len(declared()) - 1


def test_several_may_make_them_at_once(bare):
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: topics.create(bare.kafka, 2), range(4)))
    names = [bare.kafka.prefix + topic.name for topic in declared()]
    assert sorted(name for one in done for name in one.created) == sorted(names)
    assert all(sorted(one.created + one.present) == sorted(names) for one in done)


def test_more_copies_than_there_are_brokers_are_refused(bare):
    with pytest.raises(TopicError, match=r"did not make every topic: .*replication factor"):
        topics.create(bare.kafka, 2, replication=3)


@pytest.mark.parametrize(
    ("name", "partitions", "config", "said"),
    [
        ("interactions", 5, {"max.message.bytes": "4194304"}, "has 5 partitions, not 2"),
        ("links", 2, {"max.message.bytes": "4194304"}, "has 2 partitions, not 1"),
        ("interactions", 2, {}, "has max.message.bytes = 1048588, not 4194304"),
        ("evidence", 2, {"max.message.bytes": "4194304", "cleanup.policy": "compact"}, "cleanup.policy = compact, not delete"),
    ],
)  # fmt: skip
def test_a_topic_that_would_lose_or_refuse_records_is_refused_and_nothing_is_made(
    bare, name, partitions, config, said
):
    made(bare, name, partitions, **config)
    with pytest.raises(TopicError, match=said):
        topics.create(bare.kafka, 2)
    assert counts(bare) == {topic.name: partitions if topic.name == name else 0 for topic in declared()}


def test_a_broker_that_makes_topics_by_itself_is_not_made_to(broker):
    broker.stop()
    text = broker._settings.read_text()
    broker._settings.write_text(
        text.replace("auto.create.topics.enable=false", "auto.create.topics.enable=true")
    )
    broker.start()
    settings = settings_for(broker.servers)
    for name in ("interactions", "events.in"):
        with pytest.raises(TopicError, match="journey topics create"):
            topics.partition_count(settings.kafka, name)
    with pytest.raises(BrokerError):
        Sender(settings.kafka, "interactions", delivery_s=1)
    topics.create(settings.kafka, 2)
    with Sender(settings.kafka, "interactions") as sender, topics.admin(settings.kafka) as admin:
        admin.delete_topics(["interactions"])
        metadata = sender._client._metadata

        def gone() -> bool:
            metadata.request_update()
            return "interactions" not in metadata.topics()

        wait_until(gone, 60, "the client to hear of it")
        assert "interactions" not in admin.list_topics()


def consumed(settings, name, group):
    """Read a topic to its end as a member of a group; returns the consumer, which is still a member."""
    more = {"group_id": settings.kafka.prefix + group, "auto_offset_reset": "earliest"}
    consumer = clients.consumer(settings.kafka, **more)
    consumer.subscribe([settings.kafka.prefix + name])
    consumer.partitions_for_topic(settings.kafka.prefix + name)
    wait_until(lambda: consumer.poll(timeout_ms=500), 60, "a record")
    consumer.commit()
    return consumer


def test_partitions_are_added_when_nobody_is_at_work(settings):
    assert topics.grow(settings.kafka, 8) == [
        settings.kafka.prefix + name
        for name in ("events.in", "interactions", "identity.map", "evidence", "dead-letters", "stages")
    ]
    assert counts(settings) == {topic.name: topic.partitions or 8 for topic in declared()}
    assert topics.grow(settings.kafka, 8) == []
    assert topics.create(settings.kafka, 8).created == []


def test_partitions_are_not_added_while_something_is_unread(settings, records):
    records(settings).write("events.in", line(1))
    records(settings).write("evidence", b"x", partition=3)
    with pytest.raises(
        TopicError, match=r"has not read 1 records of .*events.in.*has not read 1 records of .*evidence"
    ):
        topics.grow(settings.kafka, 8)
    assert set(counts(settings).values()) == {PARTITIONS, 1}
    consumed(settings, "events.in", GATEWAY).close()
    consumed(settings, "evidence", WORKERS).close()
    assert topics.grow(settings.kafka, 8)


def test_partitions_are_not_added_while_a_gateway_or_worker_runs(settings, records):
    records(settings).write("links", b"x")
    worker = consumed(settings, "links", WORKERS)
    with running(settings) as gateway:
        wait_until(lambda: gateway.state.lag, 30, "the gateway to have partitions")
        with pytest.raises(TopicError, match=r"stop every journey gateway.*stop every worker"):
            topics.grow(settings.kafka, 8)
    with pytest.raises(TopicError, match="stop every worker"):
        topics.grow(settings.kafka, 8)
    worker.close()
    assert topics.grow(settings.kafka, 8)


def test_a_growth_that_was_interrupted_is_finished(settings):
    with topics.admin(settings.kafka) as admin:
        admin.create_partitions({settings.kafka.prefix + "events.in": 8})
    assert settings.kafka.prefix + "interactions" in topics.grow(settings.kafka, 8)
    assert counts(settings)["interactions"] == counts(settings)["events.in"] == 8


def test_partitions_cannot_be_taken_away_or_added_to_what_is_missing(settings, bare):
    with pytest.raises(TopicError, match="cannot be taken away"):
        topics.grow(settings.kafka, 2)
    other = replace(bare.kafka, prefix=bare.kafka.prefix + "none-")
    with pytest.raises(TopicError, match=r"missing: .*journey topics create"):
        topics.grow(other, 8)


def test_a_server_that_is_not_there_is_said_at_once():
    nowhere = settings_for(f"127.0.0.1:{free_port()}")
    with pytest.raises(UnreachableError, match=r"cannot reach Kafka .*Connection refused"):
        topics.listed(nowhere.kafka)
