"""`journey up` keeps destinations in sync beside the engine, and on a server `journey alerts watch` does, one after the other."""

import csv
import json
import os
import time
import uuid
from urllib.request import urlopen

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from tests.alerts.receiver import listening
from tests.audiences.test_server import PEOPLE
from tests.collector.server import Collector, event
from tests.destinations.test_kafka import records
from tests.fixtures import commands
from tests.fixtures.databases import with_model
from tests.fixtures.servers.process import free_port, wait_until
from tests.real_workers.process import Process

SECRET = "write-key-planted-in-the-environment"
AUDIENCE = '[[audience]]\nname = "{name}"\nbrand = "{brand}"\nevery_s = 5\nsql = "SELECT DISTINCT handle AS customer FROM customers"\n'


def listed(collector):
    """Return how far each audience of each destination is, as the command beside the process says."""
    found = json.loads(collector.run("audience", "list", "--json"))
    return {(one["destination"], one["audience"]): one for each in found for one in each["destinations"]}


def members(file):
    """Return how many members a file has."""
    if not file.exists():
        return 0
    with file.open(newline="") as lines:
        return len(list(csv.DictReader(lines)))


def test_up_keeps_a_platform_and_a_file_in_sync_and_names_what_is_away(tmp_path):
    with listening() as receiver:
        (file := tmp_path / "audiences.toml").write_text(f"""
{AUDIENCE.format(name="all", brand="lumiere")}
[[destination]]
name = "cdp"
kind = "segment"
audiences = ["all"]
url = "http://127.0.0.1:{receiver.port}"
private = true
write_key = "$CDP_KEY"
[[destination]]
name = "dwh"
kind = "file"
audiences = ["all"]
path = "{tmp_path}/all.csv"
every_s = 10
[[destination]]
name = "bus"
kind = "kafka"
audiences = ["all"]
topic = "t"
servers = ["127.0.0.1:{free_port()}"]
""")
        collector = Collector(tmp_path, JOURNEY_AUDIENCES=str(file), CDP_KEY=SECRET)
        key = collector.key("shop")
        collector.start()
        try:
            collector.send([event(str(n)) for n in range(5)], key, kind="application/cloudevents-batch+json")
            wait_until(lambda: len(receiver.accepted) >= 1, 60, "the platform")
            wait_until(lambda: listed(collector)["cdp", "all"]["waiting"] == 0, 60, "the platform in sync")
            wait_until(lambda: listed(collector)["bus", "all"]["is_failing"], 60, "the failure")
            now = listed(collector)
            assert (now["bus", "all"]["waiting"], now["cdp", "all"]["error"]) == (5, "")
            wait_until(lambda: members(tmp_path / "all.csv") == 5, 60, "the file")
            health = collector.get("/health").json
            (said,) = [one for one in health["degraded"] if one.startswith("destination ")]
            assert said.startswith("destination bus/all: not delivered, tried again: ")
            metrics = collector.metrics()
            labels = '{audience="all",destination="cdp",outcome="delivered"}'
            assert metrics[f"journey_destination_deliveries_total{labels}"] == 5
            assert metrics['journey_destination_waiting_seconds{audience="all",destination="bus"}'] > 0
            printed = collector.run("audience", "list")
            assert "bus" in printed
            assert "segment" in printed
            began_s = time.monotonic()
        finally:
            collector.stop()
        assert time.monotonic() - began_s < 15
        assert SECRET not in printed + str(now) + str(health) + (tmp_path / "all.csv").read_text()


@pytest.fixture
def server(clickhouse):
    with with_model(clickhouse) as (dsn, store):
        store.client.command(PEOPLE.format(first=1, count=5))
        yield dsn, store


def test_a_watcher_on_a_server_that_is_killed_is_followed_by_one_that_goes_on(server, kafka, tmp_path):
    dsn, store = server
    topic = f"audiences-{uuid.uuid4().hex}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers)
    admin.create_topics([NewTopic(topic, 3, 1)])
    admin.close()
    with listening() as receiver:
        (file := tmp_path / "audiences.toml").write_text(f"""
{AUDIENCE.format(name="a", brand="acme")}
[[destination]]
name = "bus"
kind = "kafka"
audiences = ["a"]
topic = "{topic.removeprefix("audiences-")}"
[[destination]]
name = "cdp"
kind = "segment"
audiences = ["a"]
url = "http://127.0.0.1:{receiver.port}"
private = true
write_key_file = "{tmp_path}/key"
""")
        (tmp_path / "key").write_text(SECRET)
        environment = os.environ | {
            "JOURNEY_STORE": dsn, "JOURNEY_WEB_PORT": str(port := free_port()), "JOURNEY_HANDLE_KEY": "00" * 32,
            "JOURNEY_AUDIENCES": str(file), "JOURNEY_KAFKA": kafka.servers, "JOURNEY_TOPIC_PREFIX": "audiences-",
        }  # fmt: skip
        for turn in range(2):
            watcher = Process(
                [str(commands.JOURNEY), "alerts", "watch"], environment, tmp_path / f"watcher-{turn}.log"
            )
            try:
                want = 5 + 2 * turn
                wait_until(lambda n=want: len(records(kafka, topic)) == n, 90, watcher.told())
                wait_until(lambda: _in_sync(store) == 2, 60, watcher.told())
                metrics = urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
                assert 'journey_destination_deliveries_total{audience="a",destination="bus"' in metrics
            finally:
                watcher.kill()
            store.client.command(PEOPLE.format(first=6, count=2))
    sent = [call["messageId"] for one in receiver.accepted for call in one.json["batch"]]
    assert len(set(sent)) == 2 * 7
    store.client.command("SYSTEM FLUSH LOGS")
    for table in ("query_log", "text_log"):
        if store.rows(f"SELECT name FROM system.tables WHERE database = 'system' AND name = '{table}'"):
            column = "query" if table == "query_log" else "message"
            (row,) = store.rows(
                f"SELECT countIf(position({column}, concat({{a:String}}, {{b:String}})) > 0) AS n, count() AS every FROM system.{table}",
                {"a": SECRET[:9], "b": SECRET[9:]},
            )
            assert row["every"] > 0
            assert row["n"] == 0


def _in_sync(store):
    """Return how many destinations have all that is there."""
    rows = store.rows(
        "SELECT count() AS n FROM (SELECT receiver, argMax(delivered, number) AS d FROM feed_positions GROUP BY receiver)"
        " WHERE d >= (SELECT count() FROM audience_changes)"
    )
    return rows[0]["n"]
