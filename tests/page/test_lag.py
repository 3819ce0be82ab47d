"""How far workers are behind, on the page: over a real broker and a ClickHouse server, in Chromium."""

import csv
import io
import socket
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from starlette.applications import Starlette

from streams.page.setup import opened_page
from streams.settings import KafkaSettings
from tests.fixtures.servers.process import wait_until
from tests.page.world import serving
from tests.privacy.people import others

READ = {"events.in[0]", "events.in[1]", "evidence[0]", "evidence[1]", "identity.map[0]", "identity.map[1]",
        "interactions[0]", "interactions[1]", "links[0]"}  # fmt: skip


@pytest.fixture(scope="module")
def deployment(kafka, clickhouse, tmp_path_factory):
    from tests.real_workers.deployment import Deployment  # noqa: PLC0415 - Kafka's client warns where pytest cannot yet let it

    folder = tmp_path_factory.mktemp("lag")
    made = Deployment(
        kafka.servers, clickhouse.database_with_tables(), folder, prefix=kafka.fresh_prefix(), partitions=2
    )
    yield made
    made.close()


@contextmanager
def over(settings):
    with (
        opened_page(settings, lambda *_: []) as page,
        serving(Starlette(routes=page.routes), page.live.end) as port,
    ):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def world(deployment):
    with over(deployment.settings) as url:
        yield SimpleNamespace(url=url)


def lag(url):
    answer = httpx.get(f"{url}/view/health/lag.csv", timeout=30)
    return {row["place"]: row for row in csv.DictReader(io.StringIO(answer.text))}


def test_lag_is_told_by_partition_while_nobody_reads_and_is_gone_once_a_worker_has_read(
    opened, world, deployment
):
    page = opened("/view/health")
    page.wait_for_selector("#panel-lag tbody tr")
    frames = deployment.publish(others(), size=10)
    # Nothing changes in the tables, and the page tells it all the same.
    page.wait_for_selector(
        "#panel-lag tbody tr:first-child:has-text('nobody reads it') >> text=interactions["
    )
    waiting = lag(world.url)
    assert waiting.keys() == READ
    unread = {place: int(row["unread"]) for place, row in waiting.items()}
    assert unread.pop("interactions[0]") + unread.pop("interactions[1]") == frames
    assert not any(unread.values())
    for place in ("interactions[0]", "interactions[1]"):
        assert not waiting[place]["worker"]
        # When a record was sent is known once it was read, which may take more than one look.
        wait_until(
            lambda place=place: lag(world.url)[place]["behind_s"], 30, f"the age of {place}", every_s=1
        )
        assert 0 <= float(lag(world.url)[place]["behind_s"]) < 120
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()

    deployment.worker()
    deployment.settle()
    page.wait_for_selector("#panel-lag tbody tr:first-child:has-text('nobody reads it') >> text=events.in[")
    done = lag(world.url)
    assert {row["unread"] for row in done.values()} == {"0"}
    for place in READ:
        is_of_workers = not place.startswith("events.in")
        assert done[place]["state"] == ("up to date" if is_of_workers else "nobody reads it")
        assert bool(done[place]["worker"]) is is_of_workers
    assert sum(int(done[f"interactions[{n}]"]["stored"]) for n in (0, 1)) == frames

    for servers, state in (("127.0.0.1:9",), "Kafka is not reached"), ((), "not known"):
        with over(replace(deployment.settings, kafka=replace(deployment.kafka, servers=servers))) as url:
            known = lag(url)
        assert known.keys() == {
            place for place in READ if not place.startswith(("events.in", "identity.map"))
        }
        assert {(row["state"], row["unread"]) for row in known.values()} == {(state, "")}
        assert known["interactions[0]"]["stored"] == done["interactions[0]"]["stored"]


def test_a_broker_that_keeps_silent_is_waited_for_once(kafka):
    from streams.kafka.lag import LagReader  # noqa: PLC0415 - as above

    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        servers = (f"127.0.0.1:{silent.getsockname()[1]}",)
        with closing(LagReader(KafkaSettings(servers=servers))) as standings:
            waited_s = []
            for _ in range(2):
                began_s = time.monotonic()
                assert standings.ask() is None
                waited_s.append(time.monotonic() - began_s)
    assert waited_s[0] > 1
    assert waited_s[1] < 0.5
    with closing(
        LagReader(KafkaSettings(servers=(kafka.servers,), prefix=kafka.fresh_prefix()))
    ) as standings:
        wait_until(lambda: standings.ask() is not None, 30, "Kafka to answer", every_s=0.2)
        assert standings.ask() == {}, "there are no topics"
