"""More partitions for topics that hold data: the procedure of deploy/runbook.md, on real servers."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cluster.deployment import Deployment
from tests.deploy.procedures import at_rest, simulated
from tests.servers.clickhouse import ClickHouseAddress
from tests.servers.kafka import KafkaAddress
from tests.servers.process import wait_until

LINK = {
    "source": "shop",
    "type": "identity.link",
    "time": "2026-10-17T20:00:00Z",
}


@pytest.fixture
def deployment(kafka: KafkaAddress, clickhouse: ClickHouseAddress, tmp_path: Path) -> Iterator[Deployment]:
    dsn, prefix = clickhouse.fresh_database(), kafka.fresh_prefix()
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
