"""Where partitions stand, as a real broker tells it."""

from contextlib import closing
from dataclasses import replace

import pytest

from schemas.topics import EVIDENCE, INTERACTIONS, LINKS
from streams.kafka import topics
from streams.kafka.clients import OffsetAndMetadata, TopicPartition, admin, consumer, producer
from streams.kafka.errors import BrokerError
from streams.kafka.groups import OffsetSpan
from streams.kafka.offsets import Offsets
from streams.settings import KafkaSettings
from tests.fixtures.servers.process import wait_until

PLACE = (INTERACTIONS, 0)


@pytest.fixture
def settings(kafka) -> KafkaSettings:
    made = KafkaSettings(servers=(kafka.servers,), prefix=kafka.fresh_prefix())
    topics.create(made, 2)
    return made


@pytest.fixture
def offsets(settings):
    with closing(Offsets(settings)) as made:
        yield made


def write(settings, count: int, **more) -> None:
    with closing(producer(settings, **more)) as out:
        if more:
            out.init_transactions()
            out.begin_transaction()
        for _ in range(count):
            out.send(settings.prefix + INTERACTIONS, value=b"x", partition=0)
        if more:
            out.commit_transaction()
        out.flush()


def commit(settings, offset: int) -> None:
    with closing(consumer(settings, group_id=settings.prefix + "journey-workers")) as source:
        place = TopicPartition(settings.prefix + INTERACTIONS, 0)
        source.assign([place])
        source.commit({place: OffsetAndMetadata(offset, "", -1)})


def answers(offsets) -> bool:
    """Whether a broker that has just started is that far."""
    try:
        offsets.spans([PLACE])
    except BrokerError:
        return False
    return True


def delete_before(settings, offset: int) -> None:
    with admin(settings) as client:
        client.delete_records({TopicPartition(settings.prefix + INTERACTIONS, 0): offset})


def test_begin_commit_and_end_are_told_per_partition(settings, offsets):
    write(settings, 12)
    wait_until(lambda: answers(offsets), 30, "the broker to have a coordinator")
    assert offsets.spans([PLACE, (LINKS, 0), (EVIDENCE, 1)]) == {
        PLACE: OffsetSpan(0, 0, 12),
        (LINKS, 0): OffsetSpan(0, 0, 0),
        (EVIDENCE, 1): OffsetSpan(0, 0, 0),
    }
    commit(settings, 5)
    delete_before(settings, 7)
    write(settings, 1)
    assert offsets.spans([PLACE]) == {PLACE: OffsetSpan(7, 5, 13)}
    assert offsets.spans([]) == {}


def test_a_record_is_told_from_the_end_mark_of_a_transaction(settings, offsets):
    write(settings, 3, transactional_id=settings.prefix + "mirror")
    wait_until(lambda: offsets.spans([PLACE])[PLACE].end == 4, 10, "the mark, which follows the commit")
    assert offsets.has_record(PLACE, 2)
    assert not offsets.has_record(PLACE, 3)


def test_a_broker_that_is_not_there_is_told(settings):
    with closing(Offsets(replace(settings, servers=("127.0.0.1:9",)))) as gone, pytest.raises(BrokerError):
        gone.spans([PLACE])
