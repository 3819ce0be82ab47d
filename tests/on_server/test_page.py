"""The page over a server: the same figures as over a data directory with the same rows, by connections that only read."""

import os
import re
import signal
from http.client import HTTPConnection

import pytest
from starlette.applications import Starlette

from streams.page.setup import opened_page
from streams.settings import Settings
from streams.store.clickhouse import QueryError
from streams.store.connections import opener
from streams.store.query_settings import READING
from streams.store.sql import written
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until
from tests.page.test_names import NAMES
from tests.page.world import serving
from tests.real_workers.process import Process

SPAN = "brand=lumiere&since=2026-10-17&until=2026-10-18"
FIGURES = (
    f"/view/flow/moves.csv?{SPAN}&steps=3",
    f"/view/flow/moves.csv?{SPAN}&steps=8",
    f"/view/customers/list.csv?{SPAN}&at=2026-10-17T23:00:00Z&stage=5",
    f"/view/model/moves.csv?{SPAN}&threshold_advocacy=0.5&weights=*.share=3",
    f"/view/audiences/audiences.csv?{SPAN}",
    f"/view/audiences/members.csv?{SPAN}&audience=brought-three-friends",
    f"/view/audiences/changes.csv?{SPAN}&audience=brought-three-friends",
    "/view/health/refused.csv",
)


def answered(settings, paths):
    with (
        opened_page(settings, lambda *_: []) as page,
        serving(Starlette(routes=page.routes), page.live.end) as port,
    ):
        return [got(port, path) for path in paths]


def got(port, path):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    return sorted(text.splitlines())


def test_figures_over_a_server_are_those_over_a_data_directory(twins, loaded, tmp_path):
    embedded = answered(Settings(loaded), FIGURES)
    server = Settings(tmp_path, store=twins["server"].environment["JOURNEY_STORE"])
    assert answered(server, FIGURES) == embedded
    assert all(len(lines) > 1 for lines in embedded), "there is something to compare"


def test_the_connections_of_the_page_cannot_write(twins, tmp_path):
    settings = Settings(tmp_path, store=twins["server"].environment["JOURNEY_STORE"])
    store = opener(settings, READING)()
    for sql in (
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "INSERT INTO targets (brand) VALUES ('x')",
        "DROP TABLE interactions",
    ):
        with pytest.raises(QueryError, match="readonly"):
            store.rows(sql)
    store.close()


def test_journey_up_on_a_server_shows_the_page_and_takes_no_events(twins, tmp_path):
    environment = (
        os.environ | twins["server"].environment | {"JOURNEY_COLLECTOR_PORT": "0", "JOURNEY_WEB_PORT": "0"}
    )
    command = [str(commands.JOURNEY), "up"]
    process = Process(command, environment, tmp_path / "up.log")
    try:
        wait_until(lambda: process.said("shows the journeys"), 60, "the page", every_s=0.1)
        said = (tmp_path / "up.log").read_text()
        health = int(re.search(r"/metrics on http://127\.0\.0\.1:(\d+)", said)[1])
        port = next(
            int(each) for each in re.findall(r"http://127\.0\.0\.1:(\d+)", said) if int(each) != health
        )
        assert '"status": "ok"' in "".join(got(health, "/health"))
        assert 'journey_ready{processor="page"} 1.0' in got(health, "/metrics")
        assert any("A-Path" in line for line in got(port, "/"))
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/v1/events", b"{}")
        assert connection.getresponse().status == 404
        connection.close()
        os.kill(process._child.pid, signal.SIGINT)
        wait_until(lambda: not process.running, 30, "it to end", every_s=0.1)
        assert process._child.returncode == 0
    finally:
        process.kill()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_server_is_asked_for_any_name(store, name):
    """Alone and in a list, as a parameter and as the literal that the page shows."""
    given = {"name": name, "names": [name, name]}
    sql = "SELECT {name:String} AS name, {names:Array(String)} AS names"
    assert store.rows(sql, given) == [given]
    assert store.rows(written(sql, given)) == [given]
