"""Where workers read on after partitions were given out: at what is committed, or at the beginning, never behind records."""

import asyncio
import os
import subprocess
import sys

import pytest

from schemas.topics import INTERACTIONS
from streams.kafka import clients

SENT = 3  # records to each of two partitions


@pytest.fixture
def topic(settings):
    name = settings.kafka.prefix + INTERACTIONS
    producer = clients.producer(settings.kafka)
    for number in range(SENT):
        for partition in (0, 1):
            producer.send(name, value=b"%d" % number, partition=partition)
    producer.close()
    return name


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Faust
def test_of_a_partition_without_a_committed_offset_everything_is_read_again(settings, topic):
    from aiokafka import AIOKafkaConsumer, TopicPartition  # noqa: PLC0415 - part of Faust

    from streams.workers.faust_transport import back_to_committed  # noqa: PLC0415 - needs Faust

    committed, never = (TopicPartition(topic, partition) for partition in (0, 1))

    async def read_twice():
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka.servers[0],
            group_id=settings.kafka.prefix + "back",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        consumer.assign([committed, never])
        await consumer.start()
        try:
            read = [await consumer.getone() for _ in range(2 * SENT)]
            await consumer.commit({committed: 1})
            told = await back_to_committed(consumer)
            again = [await consumer.getone() for _ in range(2 * SENT - 1)]
        finally:
            await consumer.stop()
        return told, read, sorted((record.partition, record.offset) for record in again)

    told, read, again = asyncio.run(read_twice())
    assert len(read) == 2 * SENT
    assert told == {committed: 1, never: None}
    assert again == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_workers_go_back_and_commit_in_this_way(settings):
    """Asked of the app as a worker has it, in a process of its own: to have it is to have signals and threads."""
    script = (
        "import asyncio, streams.app\n"
        "async def consumer():\n"
        "    return streams.app.app.consumer\n"
        "consumer = asyncio.run(consumer())\n"
        "thread = consumer._thread\n"
        "ours = (thread.seek_to_committed, thread._commit, consumer._commit_offsets, consumer.verify_event_path)\n"
        "print({f.__module__ for f in ours})\n"
    )
    environment = os.environ | {
        "JOURNEY_KAFKA": settings.kafka.servers[0],
        "JOURNEY_STORE": "clickhouse://127.0.0.1:9/nobody",
        "JOURNEY_HANDLE_KEY": "00" * 32,
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "{'streams.workers.faust_transport'}\n", done.stderr
