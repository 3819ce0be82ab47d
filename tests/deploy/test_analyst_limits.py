"""What the user analyst may not lift, by whatever way settings come, and what drivers send that it may."""

import os
import re
from base64 import b64encode
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from streams.store.analyst_limits import BOUNDS, FIXED, SHARED_QUOTA, UNCHANGED
from streams.store.analysts import HIDDEN
from streams.store.limits_trial import MENDED
from streams.store.query_settings import SERVER_SETTINGS
from tests.deploy.clickhouse import DEPLOY, PASSWORDS, Deployed
from tests.fixtures import commands

OTHER = {
    "1": "0",
    "0": "1",
    "2": "0",
    "10": "11",
    "fatal": "trace",
    "QUERY_START": "EXCEPTION_WHILE_PROCESSING",
}
# What drivers send of themselves: of Python, JDBC, Go, JavaScript and ODBC.
OF_DRIVERS = (
    {"send_progress_in_http_headers": "1", "http_headers_progress_interval_ms": "120000", "session_id": "s"},
    {
        "cancel_http_readonly_queries_on_client_close": "1",
        "wait_end_of_query": "1",
        "enable_http_compression": "1",
    },
    {"async_insert": "0", "compress": "1", "default_format": "RowBinaryWithNamesAndTypes"},
    {"max_result_rows": "200", "result_overflow_mode": "break", "extremes": "0"},
    {"max_execution_time": "65", "client_protocol_version": "54483", "default_format": "Native"},
    {"session_timezone": "Asia/Tokyo", "join_use_nulls": "1", "output_format_json_quote_64bit_integers": "1"},
    {
        "max_threads": "4",
        "max_block_size": "65409",
        "log_comment": "a dashboard",
        "max_query_size": "1000000",
    },
)


@pytest.fixture(scope="module")
def server(server: Deployed) -> Deployed:
    """The one of all tests here, with the tables."""
    environment = os.environ | {"JOURNEY_STORE": server.dsn}
    commands.run([commands.JOURNEY, "migrate"], env=environment, capture_output=True, check=True)
    return server


def ask(server: Deployed, sql: str, **settings: object) -> tuple[int, str]:
    login = b64encode(f"analyst:{PASSWORDS['analyst']}".encode()).decode()
    with closing(HTTPConnection("127.0.0.1", server.http_port, timeout=30)) as connection:
        connection.request("POST", f"/?{urlencode(settings)}", sql, {"Authorization": f"Basic {login}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


def lifted() -> list[tuple[str, object]]:
    more = [(name, value) for name, bound in BOUNDS.items() for value in (0, bound.most + 1)]
    more.remove(("max_threads", 0))  # as many as the server has cores
    return [*more, *((name, OTHER.get(value, "x")) for name, value in FIXED.items())]


@pytest.mark.parametrize("way", ["argument", "clause", "session"])
def test_no_limit_can_be_lifted(server: Deployed, way: str) -> None:
    through = []
    for name, value in (*lifted(), *((name, 12_345) for name in UNCHANGED)):
        if way == "argument":
            status, text = ask(server, "SELECT 1", **{name: value})
        elif way == "clause":
            status, text = ask(server, f"SELECT 1 SETTINGS {name} = '{value}'")
        else:
            status, text = ask(server, f"SET {name} = '{value}'", session_id="a-session")
        if status == 200 or not re.search(
            r"SETTING_CONSTRAINT_VIOLATION|READONLY|has to be greater than 0", text
        ):
            through.append((name, value, text))
    assert through == []
    assert ask(server, "SELECT 1", max_memory_usage=0, max_execution_time=0)[0] != 200


def test_the_way_past_the_limits_that_a_server_leaves_is_told_and_no_command_fails_of_it(
    server: Deployed,
) -> None:
    """Tried as analyst, with the constraints of its profile; told to who migrates, who has none."""
    past = {
        "= DEFAULT lifts": "SELECT getSetting('max_memory_usage') SETTINGS max_memory_usage = DEFAULT",
        "of a subquery lifts": "SELECT * FROM (SELECT getSetting('max_memory_usage') SETTINGS max_memory_usage = 0)",
    }
    told = commands.run(
        [commands.JOURNEY, "migrate"],
        env=os.environ | {"JOURNEY_STORE": server.dsn},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    ways = {said for said, sql in past.items() if ask(server, sql) == (200, "0\n")}
    assert {said for said in past if said in told} == ways
    assert told.count("\n") == bool(ways)
    assert (MENDED in told) == bool(ways)


@pytest.mark.parametrize("profile", ["default", "journey"])
def test_another_profile_cannot_be_taken(server: Deployed, profile: str) -> None:
    lifted = {"profile": profile, "max_memory_usage": 0, "max_execution_time": 0}
    assert ask(server, "SELECT 1", **lifted)[0] != 200
    assert "(READONLY)" in ask(server, "SELECT 1", profile=profile)[1]
    assert "(READONLY)" in ask(server, f"SET profile = '{profile}'", session_id="b")[1]
    assert "(READONLY)" in ask(server, f"SELECT 1 SETTINGS profile = '{profile}'")[1]
    found = ask(server, "SELECT getSetting('max_memory_usage'), getSetting('readonly')", session_id="b")[1]
    assert found == f"{BOUNDS['max_memory_usage'].value}\t2\n"


@pytest.mark.parametrize("settings", OF_DRIVERS)
def test_what_drivers_send_is_taken(server: Deployed, settings: dict[str, str]) -> None:
    status, text = ask(server, "SELECT count() FROM journey.targets", **settings)
    assert status == 200, text


def test_limits_within_their_bounds_hold(server: Deployed) -> None:
    assert "TIMEOUT_EXCEEDED" in ask(server, "SELECT sleep(3)", max_execution_time=1)[1]
    heavy = "SELECT length(groupArray(repeat('a', 1000))) FROM numbers(1000000)"
    assert "MEMORY_LIMIT_EXCEEDED" in ask(server, heavy, max_memory_usage=10_000_000)[1]


def test_tables_of_secrets_and_of_who_asked_to_be_forgotten_are_not_read(server: Deployed) -> None:
    for table in HIDDEN:
        for sql in (f"SELECT * FROM journey.{table}", f"SELECT 1 IN (SELECT 1 FROM journey.{table})"):
            assert "ACCESS_DENIED" in ask(server, sql)[1]
    tables = ask(server, "SELECT name FROM system.tables WHERE database = 'journey'")[1].split()
    assert {"interactions", "targets", "dead_letters"} <= set(tables)
    assert not HIDDEN & set(tables)


def test_the_quota_is_of_the_user_analyst_alone() -> None:
    root = ET.parse(DEPLOY / "clickhouse/users.d/journey.xml").getroot()  # noqa: S314 - our own file
    quotas = {user.tag: user.findtext("quota") for user in root.find("users")}
    others = dict.fromkeys(("default", "journey", "watcher", "page"), "default")
    assert quotas == {**others, "analyst": "analyst"}
    values = {one.tag: int(one.text) for one in root.find("quotas/analyst/interval")}
    assert values == {"duration": 600, **SHARED_QUOTA}


def test_the_file_has_what_the_command_makes() -> None:
    (profile,) = ET.parse(DEPLOY / "clickhouse/users.d/journey.xml").iter("profiles")  # noqa: S314 - our own file
    analyst = profile.find("analyst")
    constraints = analyst.find("constraints")
    values = {one.tag: one.text or "" for one in analyst if one.tag != "constraints"}
    own = {name: str(bound.value) for name, bound in BOUNDS.items() if bound.value is not None}
    assert values == {**own, **FIXED, **{name: str(value) for name, value in SERVER_SETTINGS.items()}}
    bounds = {one.tag: (one.findtext("min"), one.findtext("max")) for one in constraints}
    fixed = {one.tag for one in constraints if one.find("readonly") is not None}
    assert fixed == {*FIXED, *UNCHANGED}
    assert bounds == {name: ("1", str(bound.most)) for name, bound in BOUNDS.items()} | dict.fromkeys(
        fixed, (None, None)
    )
    for other in ("default", "journey"):
        assert profile.find(other).findtext("readonly") == "0"
