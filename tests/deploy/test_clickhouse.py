"""The configuration of deploy/clickhouse in the real server: what its users may do, and what not."""

import http.client
import os
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from starlette.applications import Starlette

from journey.identity.handle_key import HandleKey
from streams.alerts.access import opened_routes
from streams.alerts.setup import watching_of
from streams.audiences.config import Audience
from streams.handles.key import in_force, register
from streams.handles.rekey import rekey
from streams.page.setup import opened_page
from streams.page.views import VIEWS
from streams.server.server import Server
from streams.services.audiences import refreshed
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from tests.deploy.clickhouse import DEPLOY, PASSWORDS, Deployed
from tests.fixtures import commands
from tests.fixtures.servers.process import listens, wait_until
from tests.page.world import serving

# Each must be refused for want of a grant.
REFUSED = {
    "url": "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "file": "SELECT * FROM file('x.csv', 'CSV', 'a String')",
    "writing a file": "INSERT INTO FUNCTION file('x.csv', 'CSV', 'a String') VALUES ('a')",
    "remote": "SELECT * FROM remote('127.0.0.1:1', journey.evidence)",
    "mysql": "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "a table over a URL": "CREATE TABLE journey.u (a String) ENGINE = URL('http://127.0.0.1:1/', 'CSV')",
    "another database": "CREATE DATABASE other",
    "a table elsewhere": "CREATE TABLE default.t (a String) ENGINE = MergeTree ORDER BY a",
    "dropping a table": "DROP TABLE journey.evidence",
    "emptying a table": "TRUNCATE TABLE journey.evidence",
    "users": "CREATE USER mallory",
    "reading users": "SELECT * FROM system.users",
    "backups": "BACKUP DATABASE journey TO File('/backups/mine')",
    "orders to the server": "SYSTEM STOP MERGES journey.evidence",
    "functions": "CREATE FUNCTION f AS x -> x",
}
READ_ONLY = {
    "inserting": "INSERT INTO journey.targets (brand) VALUES ('lumiere')",
    "changing": "ALTER TABLE journey.evidence DELETE WHERE 1",
    "making": "CREATE TABLE journey.t (a String) ENGINE = MergeTree ORDER BY a",
    "queries of others": "SELECT * FROM system.processes",
}


@pytest.fixture(scope="module")
def server(server: Deployed) -> Deployed:
    """The one of all tests here, with the tables."""
    done = commands.run(
        [commands.JOURNEY, "migrate"],
        env=os.environ | {"JOURNEY_STORE": server.dsn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return server


def client(server: Deployed, user: str) -> Any:
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=server.http_port, username=user, password=PASSWORDS.get(user, "")
    )


def status(server: Deployed, user: str, password: str) -> int:
    login = b64encode(f"{user}:{password}".encode()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=10)
    with closing(connection):
        connection.request("GET", "/?query=SELECT+1", headers={"Authorization": f"Basic {login}"})
        return connection.getresponse().status


@pytest.mark.parametrize("user", ["journey", "analyst", "watcher", "page"])
@pytest.mark.parametrize("what", REFUSED)
def test_a_user_of_the_network_is_refused(server: Deployed, user: str, what: str) -> None:
    with closing(client(server, user)) as opened, pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        opened.command(REFUSED[what])


@pytest.mark.parametrize("what", READ_ONLY)
def test_an_analyst_only_reads(server: Deployed, what: str) -> None:
    with closing(client(server, "analyst")) as opened:
        assert opened.query("SELECT count() FROM journey.standings").result_rows
        with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|READONLY"):
            opened.command(READ_ONLY[what])


def test_a_watcher_has_the_rights_that_it_needs_and_writes_nothing_but_alerts_and_audiences(
    server: Deployed, tmp_path: Path
) -> None:
    (tmp_path / "alerts.toml").write_text(
        (DEPLOY / "compose" / "alerts.toml").read_text()
        + "[[rule]]\nname = 'none'\nsql = 'SELECT count() AS figure FROM interactions'\nbelow = 1\n"
        + "[[rule]]\nname = 'fewer'\nsql = 'SELECT count() AS figure FROM interactions'\nfalls_by = 0.5\nover = '1h'\n"
    )
    dsn = server.dsn.replace(f"journey:{PASSWORDS['journey']}@", f"watcher:{PASSWORDS['watcher']}@")
    with Server(Settings(tmp_path, store=dsn, alerts=tmp_path / "alerts.toml")) as shell:
        watching = watching_of(shell)
        raised: list[str] = []

        def is_raised() -> bool:
            raised.extend(told.change.alert.direction for told in watching.step() or ())
            return bool(raised) and bool(shell.store.query("SELECT 1 FROM alert_figures", {}))

        wait_until(is_raised, 20, "both rules to be answered", every_s=0.1)
        watching.stop()
        assert raised == ["none"]
        assert shell.store.query("SELECT rule, figure FROM alert_figures", {}) == [("fewer", 0.0)]
        everybody = Audience(name="a", brand="lumiere", sql="SELECT number AS customer FROM numbers(3)")
        (done,) = refreshed(shell, [everybody])
        assert (done.entered, done.error) == (3, "")
        for statement in (*READ_ONLY.values(), "INSERT INTO journey.write_keys (name) VALUES ('mallory')"):
            if "system.processes" not in statement:
                with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
                    shell.store.client.command(statement)


def test_the_page_has_the_rights_that_it_needs_and_writes_nothing_but_marks_and_targets(
    server: Deployed, tmp_path: Path
) -> None:
    dsn = server.dsn.replace(f"journey:{PASSWORDS['journey']}@", f"page:{PASSWORDS['page']}@")
    settings = Settings(tmp_path, store=dsn, page_token="a-token-of-the-page")
    with closing(ClickHouse(server.dsn)) as store:
        store.client.command(
            "INSERT INTO alerts (alert, brand, direction, kind, state, sequence, change, severity)"
            " VALUES ('feed', 'acme', 'for', 'brand', 'open', 1, 'opened', 'notice')"
        )
        store.client.command("INSERT INTO minute_counts (brand, minute, touches) VALUES ('acme', now(), 1)")
    with (
        opened_page(settings, lambda *_: []) as page,
        opened_routes(settings) as alerts,
        serving(Starlette(routes=[*page.routes, *alerts]), page.live.end) as port,
    ):

        def asked(
            method: str, path: str, body: str | None = None, more: Mapping[str, str] | None = None
        ) -> tuple[int, str]:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                head = {"authorization": f"Bearer {settings.page_token}", "content-type": "application/json"}
                connection.request(method, path, body, head | dict(more or {}))
                answer = connection.getresponse()
                return answer.status, answer.read().decode()

        for view in VIEWS:
            code, text = asked("GET", f"/view/{view.name}?brand=acme")
            assert code == 200, (view.name, text)
            assert "privileges" not in text, view.name
        assert asked("POST", "/v1/alerts/feed/ack", '{"by": "ada"}')[0] == 200
        assert asked("POST", "/v1/alerts/silences", '{"minutes": 5, "brand": "acme"}')[0] == 200
        assert '"acme"' in asked("GET", "/v1/alerts/silences")[1]
        own = {"origin": f"http://127.0.0.1:{port}", "content-type": "application/x-www-form-urlencoded"}
        target = "brand=acme&stage=advocacy&channel=&customers=5&due=2140-01-01&note="
        code, text = asked("POST", "/view/targets/set", target, own)
        assert code == 303, text
    with closing(ClickHouse(dsn)) as store:
        for sql in (
            "SELECT * FROM write_keys",
            "INSERT INTO interactions (brand) VALUES ('x')",
            "INSERT INTO alerts (alert) VALUES ('x')",
        ):
            with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
                store.client.command(sql)


def test_the_key_of_handles_can_be_rotated_with_the_rights_that_the_engine_has(server: Deployed) -> None:
    old, new = bytes(range(32)), bytes(range(64))
    with closing(ClickHouse(server.dsn)) as store:
        row = [7, "email", 7, 7, 1, 0, 1]
        names = ["handle", "kind", "customer", "previous", "version", "_partition", "_offset"]
        store.client.insert("identity_map", [row], column_names=names)
        register(store, old, 1)
        rekey(store, HandleKey(new, separate=True), 2)
        found = store.rows("SELECT handle, customer FROM identity_map")
        wrapped = HandleKey(new).wrapped(7)
        assert found == [{"handle": wrapped, "customer": wrapped}]
        assert in_force(store) == HandleKey(new, separate=True).fingerprint
        assert store.rows("SHOW TABLES LIKE 'rekeying%'") == []
        store.client.command("ALTER TABLE identity_map DELETE WHERE 1", settings={"mutations_sync": 2})


def test_an_analyst_cannot_take_more_memory_than_the_profile_gives(server: Deployed) -> None:
    with closing(client(server, "analyst")) as opened, pytest.raises(DatabaseError, match="CONSTRAINT"):
        opened.query("SELECT 1 SETTINGS max_memory_usage = 100000000000")


def test_the_engine_ends_its_own_queries_without_a_right_to_end_those_of_others(server: Deployed) -> None:
    endless = "SELECT sum(sleepEachRow(0.05)) FROM numbers(2000) SETTINGS max_block_size = 1"
    ended: dict[str, str] = {}

    def run(user: str) -> None:
        with closing(client(server, user)) as opened:
            try:
                opened.command(endless, settings={"query_id": f"endless-{user}"})
            except DatabaseError as error:
                ended[user] = str(error)

    threads = [threading.Thread(target=run, args=(user,)) for user in ("journey", "analyst")]
    for thread in threads:
        thread.start()
    with closing(client(server, "journey")) as engine, closing(client(server, "default")) as administrator:
        running = "SELECT count() FROM system.processes WHERE startsWith(query_id, 'endless-')"
        wait_until(lambda: administrator.command(running) == 2, 20, "both queries to run")
        engine.command("KILL QUERY WHERE query_id = 'endless-journey' SYNC")
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            engine.command("KILL QUERY WHERE query_id = 'endless-analyst' SYNC")
        administrator.command("KILL QUERY WHERE query_id = 'endless-analyst' SYNC")
    for thread in threads:
        thread.join(20)
    assert "QUERY_WAS_CANCELLED" in ended["journey"]


def test_the_default_user_is_for_inside_the_container_only(server: Deployed) -> None:
    allowed = "SELECT name, arraySort(arrayConcat(host_ip, host_names)) FROM system.users ORDER BY name"
    with closing(client(server, "default")) as opened:
        networks = dict(opened.query(allowed).result_rows)
    assert networks == {
        "default": ["localhost"],
        "journey": ["::/0"],
        "analyst": ["::/0"],
        "watcher": ["::/0"],
        "page": ["::/0"],
    }


@pytest.mark.parametrize("user", ["journey", "analyst", "watcher", "page"])
def test_no_user_has_an_empty_or_a_known_password(server: Deployed, user: str) -> None:
    assert [status(server, user, word) for word in ("", user, "password")] == [403] * 3


def test_only_http_and_the_native_protocol_are_listened_on(server: Deployed) -> None:
    ports = [server.http_port, server.tcp_port, server.http_port + 1, server.http_port + 2]
    assert [listens(port) for port in ports] == [True, True, False, False]


def test_the_server_logs_to_its_output_and_to_no_file(server: Deployed) -> None:
    assert "<Information>" in server.log
    assert not (server.folder / "log").exists()
