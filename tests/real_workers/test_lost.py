"""Records that Kafka deleted before they were read: counted, said in the log and on /health, and nothing else is lost."""

import json
import os
import signal
from contextlib import closing

from kafka.admin import OffsetSpec
from kafka.structs import TopicPartition

from schemas.topics import EVENTS_IN, EVIDENCE, IDENTITY_MAP, INTERACTIONS
from streams.kafka.clients import admin, producer
from tests.collector.server import event
from tests.telemetry.endpoint import Endpoint


def people(count):
    return [json.dumps(event(str(n))).encode() for n in range(count)]


def deleted_before(deployment, topic, offset, partition=0):
    """Delete records as retention does."""
    with admin(deployment.kafka) as client:
        client.delete_records({TopicPartition(deployment.kafka.prefix + topic, partition): offset})


def lost_of(process):
    """Return the metric by topic and partition."""
    shown = Endpoint(process).metrics()
    return {
        (name[2], int(name[1])): count
        for name, count in shown.items()
        if name[0] == "journey_records_lost_total"
    }


def ends_of(deployment, topic):
    with admin(deployment.kafka) as client:
        places = [TopicPartition(deployment.kafka.prefix + topic, p) for p in range(deployment.partitions)]
        found = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    return {place.partition: found[place].offset for place in places}


def test_frames_that_are_gone_before_a_worker_read_them_are_counted_and_said(deploy):
    deployment = deploy(partitions=2)
    lines = people(400)
    deployment.publish(lines, size=1)
    ends = ends_of(deployment, INTERACTIONS)
    kept = 33 - ends[1] if ends[1] < 33 else 16
    deleted_before(deployment, INTERACTIONS, ends[0] - kept)
    worker = deployment.worker()
    deployment.settle()
    lost = ends[0] - kept
    assert lost_of(worker) == {(INTERACTIONS, 0): lost}
    shown = Endpoint(worker).metrics()
    for which, offset in (("first", 0), ("last", lost - 1)):
        assert shown[f"journey_records_lost_{which}_offset", "0", INTERACTIONS] == offset
    health = Endpoint(worker).json("/health")[1]
    assert health["status"] == "degraded"
    (said,) = health["degraded"]
    assert f"interactions[0]: {lost:,} records between offsets 0 and {lost - 1}" in said
    assert worker.said(said)
    assert deployment.store().rows("SELECT count() AS n FROM interactions")[0]["n"] == 400 - lost


def test_what_is_deleted_between_two_lives_of_a_worker_is_counted_for_every_topic(deploy):
    deployment = deploy(partitions=2)
    worker = deployment.worker()
    deployment.publish(people(50), size=10)
    deployment.settle()
    worker.stop()
    with closing(producer(deployment.kafka)) as out:
        for topic in (EVIDENCE, IDENTITY_MAP):
            for _ in range(7):
                deployment.send(out, topic, b"no message of ours", 0, b"key").get(timeout=30)
    read = {topic: ends_of(deployment, topic)[0] - 7 for topic in (EVIDENCE, IDENTITY_MAP)}
    for topic, offset in read.items():
        deleted_before(deployment, topic, offset + 5)
    worker = deployment.worker()
    deployment.settle()
    assert lost_of(worker) == {(EVIDENCE, 0): 5, (IDENTITY_MAP, 0): 5}


def test_a_gateway_counts_what_is_gone_from_events_in(deploy):
    deployment = deploy(partitions=2)
    with closing(producer(deployment.kafka)) as out:
        for line in people(60):
            deployment.send(out, EVENTS_IN, line, 1).get(timeout=30)
    deleted_before(deployment, EVENTS_IN, 40, partition=1)
    gateway = deployment.gateway()
    deployment.wait(
        lambda: Endpoint(gateway).metrics()[("journey_gateway_events_total",)] == 20, "the rest to be taken"
    )
    assert lost_of(gateway) == {(EVENTS_IN, 1): 40}
    health = Endpoint(gateway).json("/health")[1]
    assert health["status"] == "degraded"
    assert "events.in[1]: 40 records between offsets 0 and 39" in health["degraded"][0]


def test_what_is_deleted_ahead_of_a_worker_that_reads_is_counted(deploy):
    """Its client goes on where the partition begins by then, in the middle of its life."""
    deployment = deploy(partitions=1)
    worker = deployment.worker()
    deployment.publish(people(20), size=1)
    deployment.settle()
    os.kill(worker._child.pid, signal.SIGSTOP)  # for less than its session lasts
    try:
        deployment.publish([json.dumps(event(f"later-{n}")).encode() for n in range(30)], size=1)
        deleted_before(deployment, INTERACTIONS, 45)
    finally:
        os.kill(worker._child.pid, signal.SIGCONT)
    deployment.settle()
    kept = deployment.store().rows("SELECT count() AS n FROM interactions")[0]["n"]
    lost = lost_of(worker).get((INTERACTIONS, 0), 0)
    assert kept + lost == 50
    assert lost > 0
