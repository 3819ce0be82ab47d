"""More partitions for topics that hold data: the procedure of deploy/docs/operate/runbook.md, on real servers."""

import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from schemas.topics import EVENTS_IN, EVIDENCE, IDENTITY_MAP, INTERACTIONS
from streams.kafka import topics
from streams.kafka.errors import TopicError
from streams.kafka.partition_counts import shared_count
from streams.settings import KafkaSettings
from tests.deploy.procedures import at_rest, simulated
from tests.fixtures.servers.clickhouse import ClickHouseAddress
from tests.fixtures.servers.kafka import KafkaAddress
from tests.fixtures.servers.process import wait_until
from tests.real_workers.deployment import Deployment
from tests.telemetry.endpoint import Endpoint

LINK = {
    "source": "shop",
    "type": "identity.link",
    "time": "2026-10-17T20:00:00Z",
}


@pytest.fixture
def deployment(kafka: KafkaAddress, clickhouse: ClickHouseAddress, tmp_path: Path) -> Iterator[Deployment]:
    dsn, prefix = clickhouse.database_with_tables(), kafka.fresh_prefix()
    made = Deployment(kafka.servers, dsn, tmp_path, prefix=prefix, partitions=4)
    with closing(made):
        yield made


def stop_workers(deployment: Deployment) -> None:
    for worker in deployment.processes:
        worker.stop()
    wait_until(lambda: at_rest(deployment), 30, "the workers to have left their group")


def books(deployment: Deployment) -> dict[str, int]:
    with closing(deployment.store()) as store:
        (row,) = store.rows(
            "SELECT sum(received) AS received, sum(stored) AS stored, sum(duplicates) AS duplicates,"
            " sum(dead_letters) AS dead_letters, (SELECT count() FROM interactions) AS events,"
            " (SELECT uniqExact(event) FROM interactions) AS ids FROM deliveries"
        )
    return {name: int(value) for name, value in row.items()}


def joined(first: bytes, second: bytes) -> bytes:
    """An event that names a handle of each of two events."""
    handles = {}
    for line in (first, second):
        for kind, value in json.loads(line)["data"]["handles"].items():
            handles.setdefault(kind, []).extend(value if isinstance(value, list) else [value])
    named = {
        kind: values[:1] if len(values) == 1 else values[:2] for kind, values in list(handles.items())[:2]
    }
    data = {"brand": "lumiere", "handles": named}
    ids = [json.loads(line)["id"] for line in (first, second)]
    return json.dumps(LINK | {"id": "-".join(ids), "data": data}).encode()


def test_partitions_are_added_with_data_there_and_repeats_are_still_recognised(
    deployment: Deployment, tmp_path: Path
) -> None:
    sent = simulated(tmp_path, customers=120, days=20, seed=5)
    before, after = sent[: len(sent) // 2], sent[len(sent) // 2 :]
    for _ in range(2):
        deployment.worker()
    deployment.publish(before)
    deployment.settle()
    first = books(deployment)
    stop_workers(deployment)

    deployment.run("topics", "grow", "--partitions", "8")
    deployment.partitions = 8
    for _ in range(2):
        deployment.worker()
    deployment.publish(before)  # all of it again: by now for other partitions
    deployment.settle()
    again = books(deployment)
    assert again["events"] == first["events"]
    assert again["duplicates"] == first["duplicates"] + first["stored"] + first["duplicates"]
    assert again["received"] == 2 * first["received"]

    links = [joined(one, other) for one, other in zip(before[:40], before[40:80], strict=True)]
    deployment.publish([*after, *links])
    deployment.settle()
    last = books(deployment)
    assert last["received"] == 2 * len(before) + len(after) + len(links)
    assert last["events"] == last["ids"] == last["stored"]
    assert last["received"] == last["stored"] + last["duplicates"] + last["dead_letters"]
    deployment.run("verify")
    with closing(deployment.store()) as store:
        spanning = store.rows(
            "SELECT count() AS n FROM (SELECT customer FROM customers GROUP BY customer"
            " HAVING uniqExact(handle % 4) < uniqExact(handle % 8))"
        )
        new = store.rows("SELECT count() AS n FROM interactions WHERE _partition >= 4")
    assert spanning[0]["n"] > 0
    assert new[0]["n"] > 0


def waits_for_topics(worker, name) -> bool:
    """Whether /health says of every lane that it waits for topics, why, and nothing of a store or broker that are there."""
    status, said = Endpoint(worker).json("/health")
    reasons = said["reasons"]
    return (
        status == 503
        and len(reasons) == 3
        and all("waiting for topics" in one and f"{name} has 8" in one for one in reasons)
    )


def grow_alone(deployment: Deployment, topic: str) -> str:
    """Give one topic eight partitions past our command, as an operator's tool does; return its name."""
    name = deployment.kafka.prefix + topic
    with topics.admin(deployment.kafka) as admin:
        admin.create_partitions({name: 8})
    return name


@pytest.mark.parametrize("grown", [INTERACTIONS, EVIDENCE, IDENTITY_MAP])
def test_a_topic_that_was_grown_alone_is_found(kafka: KafkaAddress, grown: str) -> None:
    settings = KafkaSettings(servers=(kafka.servers,), prefix=kafka.fresh_prefix())
    topics.create(settings, 4, 1)
    assert shared_count(settings) == 4
    with topics.admin(settings) as admin:
        admin.create_partitions({settings.prefix + grown: 8})
    wait_until(lambda: refused(settings, f"{settings.prefix}{grown} has 8"), 20, "the brokers to know")


def refused(settings: KafkaSettings, said: str) -> bool:
    try:
        return shared_count(settings) == 0
    except TopicError as error:
        return said in str(error)


# What all follows from first; then those that follow, one after the other.
@pytest.mark.parametrize("grown", [(INTERACTIONS,), (IDENTITY_MAP, EVIDENCE)], ids=" ".join)
def test_a_topic_that_was_grown_is_told_of_and_the_others_follow_with_nothing_lost(
    deployment: Deployment, tmp_path: Path, grown: tuple[str, ...]
) -> None:
    sent = simulated(tmp_path, customers=80, days=15, seed=7)
    third = len(sent) // 3
    deployment.worker()
    deployment.publish(sent[:third])
    deployment.settle()
    stop_workers(deployment)
    deployment.publish(sent[third : 2 * third])  # unread, packed for four
    for number, topic in enumerate(grown):
        name = grow_alone(deployment, topic)
        if topic == INTERACTIONS:
            deployment.partitions = 8
        if number == 0:
            deployment.publish(sent[2 * third :])  # unread, some of it where no worker of four looks
        worker = deployment.worker()
        deployment.wait(partial(worker.said, f"{name} has 8"), "the worker to say which topic differs")
        deployment.wait(
            partial(worker.said, "journey topics grow --partitions 8"), "the worker to say what to do"
        )
        deployment.wait(partial(waits_for_topics, worker, name), "/health to say what the lanes wait for")
        assert worker.running
        stop_workers(deployment)

    deployment.run("topics", "grow", "--partitions", "8")
    deployment.partitions = 8
    for _ in range(2):
        deployment.worker()
    deployment.publish(sent[:third])  # repeats, by now for other partitions
    deployment.settle()
    last = books(deployment)
    with closing(deployment.store()) as store:
        known = store.rows("SELECT id FROM interactions")
    assert {row["id"] for row in known} == {json.loads(line)["id"] for line in sent}
    assert last["events"] == last["ids"] == last["stored"] == len({json.loads(line)["id"] for line in sent})
    deployment.run("verify")


def test_a_worker_at_work_goes_on_when_every_topic_was_grown_under_it(
    deployment: Deployment, tmp_path: Path
) -> None:
    sent = simulated(tmp_path, customers=60, days=15, seed=8)
    half = len(sent) // 2
    first = deployment.worker()
    deployment.publish(sent[:half])
    deployment.settle()
    for topic in (EVENTS_IN, EVIDENCE, IDENTITY_MAP, INTERACTIONS):
        grow_alone(deployment, topic)
    deployment.partitions = 8
    deployment.worker()  # the group is divided anew
    deployment.wait(lambda: first.said("topics have 8 partitions now, not 4"), "the worker to see it")
    deployment.publish(sent)
    deployment.settle()
    assert first.running
    last = books(deployment)
    assert last["events"] == last["ids"] == last["stored"] == len({json.loads(line)["id"] for line in sent})
    deployment.run("verify")
