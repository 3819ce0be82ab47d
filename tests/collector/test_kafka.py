"""Collectors before Kafka: events over HTTP to rows on a ClickHouse server, and what happens when Kafka is away."""

import os
import signal
import time

import pytest

from tests.collector.load import Load
from tests.collector.server import BATCH, Collector, event
from tests.fixtures.servers.process import wait_until
from tests.real_workers.conftest import deploy, deployment  # noqa: F401 — fixtures


@pytest.fixture
def collecting(deployment, tmp_path):  # noqa: F811 — as above
    """A deployment, and what makes collectors of it."""
    made: list[Collector] = []

    def make() -> Collector:
        folder = tmp_path / f"collector-{len(made)}"
        folder.mkdir()
        environment = {
            name: value for name, value in deployment.environment.items() if name.startswith("JOURNEY_")
        }
        made.append(
            Collector(
                folder, "collector", arguments=["--server"], **environment | {"JOURNEY_COLLECTOR_PORT": "0"}
            )
        )
        return made[-1]

    yield deployment, make
    for collector in made:
        collector.kill()


def test_two_collectors_and_a_worker_store_what_was_acknowledged_once(collecting):
    there, make = collecting
    one, other = make(), make()
    key = one.key("shop", "--brand", "lumiere", "--channel", "web")
    one.start(), other.start()
    there.worker()
    sent = [event(f"e{number}") for number in range(500)]
    assert one.send(sent, key, kind=BATCH).json["accepted"] == 500
    assert other.send(sent[:100], key, kind=BATCH).status == 202, (
        "another one does not remember, and the engine does"
    )
    mixed = one.send([event("new"), event("not ours", data={"brand": "other"}), event("e0")], key, kind=BATCH)
    assert mixed.statuses == ["accepted", "rejected", "duplicate"]
    loads = [Load(each, key, name=f"load-{place}", clients=4) for place, each in enumerate((one, other))]
    wait_until(lambda: all(len(load.acknowledged) > 200 for load in loads), 30, "events under load")
    for load in loads:
        load.stop()

    one.run("keys", "write", "revoke", "shop")
    wait_until(lambda: other.send(event("late"), key).status == 401, 10, "the key to be refused everywhere")
    assert one.stop() == other.stop() == 0
    there.settle()
    rows = one.rows("SELECT count() AS n, uniqExact(event) AS u, groupArray(id) AS ids FROM interactions")[0]
    assert int(rows["n"]) == int(rows["u"])
    acknowledged = {name for load in loads for name in load.acknowledged}
    assert acknowledged | {"new"} | {f"e{number}" for number in range(500)} <= set(rows["ids"])
    assert [row["reason"] for row in one.rows("SELECT reason FROM dead_letters")] == ["not_granted"]
    assert "all figures recompute" in one.run("verify")


def test_while_kafka_is_away_nothing_is_acknowledged_and_afterwards_everything_is(
    own_kafka, clickhouse, tmp_path
):
    from tests.real_workers.deployment import Deployment  # noqa: PLC0415 — only where a test needs it

    kafka = own_kafka()
    there = Deployment(kafka.servers, clickhouse.database_with_tables(), tmp_path, prefix="")
    environment = {name: value for name, value in there.environment.items() if name.startswith("JOURNEY_")}
    collector = Collector(
        tmp_path, "collector", arguments=["--server"], **environment | {"JOURNEY_COLLECTOR_PORT": "0"}
    )
    try:
        key = collector.key("shop")
        collector.start()
        assert collector.send(event("before"), key).status == 202
        kafka.pause()
        started_s = time.monotonic()
        away = collector.send(event("away"), key)
        assert away.status == 503, away
        assert int(away.headers["retry-after"]) >= 1
        assert time.monotonic() - started_s < 40
        kafka.resume()
        wait_until(
            lambda: collector.send(event("after"), key).status == 202, 40, "Kafka to be taken up again"
        )
        os.kill(collector.pid, signal.SIGTERM)
        there.worker()
        there.settle()
        ids = {row["id"] for row in collector.rows("SELECT id FROM interactions")}
        assert {"before", "after"} <= ids <= {"before", "away", "after"}
    finally:
        collector.kill()
        there.close()
