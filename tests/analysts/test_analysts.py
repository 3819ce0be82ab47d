"""Users of a server who only read: one of a brand sees that brand alone, in every table and through every view.

The test's build of ClickHouse has no place where users made by SQL are kept, whatever its configuration says of one. So
the statements are parsed by it and refused by it, and what they say is its configuration: grants, row policies, the
profile, the quota, the password.
"""

import re
from contextlib import closing
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.analysis.catalogue import catalogue
from streams.store import analysts
from streams.store.clickhouse import ClickHouse
from streams.store.query_settings import SERVER_SETTINGS
from tests.analysts.configured import Configured
from tests.on_server.conftest import KEY, Command, copy

EVIL = "o'hara`; DROP TABLE x --\\"
DIGEST = "ab" * 32
USERS = {"ann": ["lumiere"], "both": ["lumiere", "maison"], "all": [], "hasty": ["lumiere"]}
# Arguments of views, by the type and name that they are declared with.
ARGUMENTS = {
    "model": "(SELECT model FROM model_in_force)",
    "at": "'2026-11-17 00:00:00'",
    "since": "'2026-10-01 00:00:00'",
    "until": "'2026-11-17 00:00:00'",
    "now": "'2026-11-17 00:00:00'",
    "days": "14",
    "window_days": "14",
    "stale": "1",
    "slices": "1",
    "slice": "0",
    "brand": "'lumiere'",
}


def place_of(store):
    kinds = {
        row["name"]: row["engine"]
        for row in store.rows("SELECT name, engine FROM system.tables WHERE database = 'journey'")
    }
    return analysts.Place(
        "journey",
        [name for name, engine in kinds.items() if engine != "View"],
        [name for name, engine in kinds.items() if engine == "View"],
    )


@pytest.fixture(scope="module")
def server(loaded):
    """A server with the rows of the data directory, and users as the command's own statements describe them."""
    from tests.fixtures.servers.clickhouse import ClickHouse as Server  # noqa: PLC0415 - where it can be had
    from tests.fixtures.servers.downloads import Unavailable  # noqa: PLC0415

    try:
        started = Server()
    except Unavailable as error:
        pytest.skip(str(error))
    (started.folder / "users.d").mkdir()
    with started:
        journey = Command({"JOURNEY_STORE": started.dsn, "JOURNEY_HANDLE_KEY": KEY})
        journey("migrate")
        with (
            closing(ClickHouse(f"chdb://{loaded / 'clickhouse'}")) as source,
            closing(ClickHouse(started.dsn)) as target,
        ):
            copy(source.client, target.client)
            target.client.command(
                "INSERT INTO audience_changes (brand, audience, number, customer, change, reason, at)"
                " SELECT ['lumiere', 'maison'][number], 'all', number, number, 'entered', 'conditions', now64(6) FROM numbers(1, 2)"
            )
            started.place = place_of(target)
        started.passwords = {"default": ""}
        for name, brands in USERS.items():
            words = [word for brand in brands for word in ("--brand", brand)]
            statements = (
                journey("analysts", "create", name, *words, "--dry-run").replace(";\n", "\n").splitlines()
            )
            started.passwords[name] = re.search(r"the password will be: (\S+)", journey.errors)[1]
            if name == "hasty":
                statements = [one.replace("MAX queries = 20000", "MAX queries = 9") for one in statements]
            (started.folder / "users.d" / f"{name}.xml").write_text(Configured(statements).xml())
        started.restart()
        yield started


@pytest.fixture(scope="module")
def ask(server):
    clients = {
        name: clickhouse_connect.get_client(
            host="127.0.0.1",
            port=server.http_port,
            username=name,
            password=password,
            database="journey",
            autogenerate_session_id=False,
            settings=SERVER_SETTINGS if name == "default" else {},  # others have them by their profile
        )
        for name, password in server.passwords.items()
    }
    yield lambda name, sql: clients[name].query(sql).result_rows
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def relations(server):
    with closing(ClickHouse(server.dsn)) as store:
        return {one.name: one for one in catalogue(store)}


def called(one):
    if not one.parameters:
        return one.name
    return f"{one.name}({', '.join(f'{name} = {ARGUMENTS[name]}' for name, _ in one.parameters)})"


def test_who_is_of_one_brand_sees_it_alone_in_every_table_and_view(server, ask, relations):
    checked = set()
    for name in analysts.granted(server.place, one_brand=True):
        source = called(relations[name])
        columns = [row[0] for row in ask("ann", f"DESCRIBE TABLE (SELECT * FROM {source} LIMIT 0)")]
        if "brand" not in columns:
            ask("ann", f"SELECT 1 FROM {source} LIMIT 1")
        elif own := ask("ann", f"SELECT DISTINCT brand FROM {source}"):
            assert own == [("lumiere",)], name
            checked.add(name)
    assert checked >= {
        *("interactions", "evidence", "minute_counts", "touchpoints", "journeys", "journeys_at", "standings"),
        *("stage_history", "stage_population", "channel_switches", "cascades", "influencers", "zombies"),
        *("audience_changes", "audience_members"),
    }
    brands = dict(ask("default", "SELECT brand, count() FROM touchpoints GROUP BY brand"))
    assert brands.keys() >= {"lumiere", "maison", "trattoria-sole"}


@pytest.mark.parametrize(
    ("source", "fixed"),
    [
        ("mergeTreeProjection(journey, interactions, by_time)", (26, 7, 4, 52)),
        ("mergeTreeProjection(journey, interactions, by_event)", (26, 7, 4, 52)),
        ("mergeTreeIndex(journey, interactions, with_marks = true)", (26, 7, 6, 5)),
        ("loop(interactions)", ()),
        ("merge('journey', '^interactions$')", ()),
        ("viewIfPermitted(SELECT * FROM interactions ELSE null('brand String'))", ()),
    ],
)
def test_other_ways_to_a_table_show_no_other_brand(ask, source, fixed):
    """Some pass by row policies in versions of ClickHouse before these, as the guide says."""
    ((version,),) = ask("default", "SELECT version()")
    try:
        rows = ask("ann", f"SELECT DISTINCT brand FROM {source}")
    except DatabaseError:
        return
    assert rows in ([], [("lumiere",)]) or tuple(map(int, version.split("."))) < fixed


def test_figures_of_the_brand_are_those_that_everybody_sees(ask):
    for sql in (
        "SELECT stage, customers FROM stage_population WHERE brand = 'lumiere' ORDER BY position",
        "SELECT root_id, customers, depth FROM cascades WHERE brand = 'lumiere' ORDER BY root_id",
        "SELECT from_channel, to_channel, switches FROM channel_switches WHERE brand = 'lumiere' ORDER BY ALL",
    ):
        assert ask("ann", sql) == ask("default", sql) != []


def test_the_engine_s_own_connection_and_its_users_profiles_have_what_joins_need(server, store):
    with closing(ClickHouse(server.dsn)) as opened:
        ranked = "SELECT brand, rank, customers FROM influencers ORDER BY ALL"
        assert opened.query(ranked, {}) == store.query(ranked, {}) != []
    users = (Path(__file__).parents[2] / "deploy/clickhouse/users.d/journey.xml").read_text()
    for name, value in SERVER_SETTINGS.items():
        assert users.count(f"<{name}>{value}</{name}>") == 2


def test_handles_of_others_are_not_to_be_found(ask):
    ((others,),) = ask(
        "default", "SELECT groupUniqArrayArray(handles) FROM interactions WHERE brand != 'lumiere'"
    )
    ((own,),) = ask(
        "default", "SELECT groupUniqArrayArray(handles) FROM interactions WHERE brand = 'lumiere'"
    )
    ((seen,),) = ask("ann", "SELECT groupUniqArray(handle) FROM customers")
    assert set(others) - set(own)
    assert set(seen) == set(own)
    ((linked,),) = ask("ann", "SELECT groupUniqArray(left_handle) FROM identity_links")
    assert set(linked) <= set(own)


def test_nobody_of_them_writes_or_reads_what_is_hidden(server, ask):
    for user in ("ann", "all"):
        for sql in (
            "SELECT * FROM write_keys",
            "SELECT * FROM erasing",
            "INSERT INTO targets (brand) VALUES ('x')",
            "ALTER TABLE targets DELETE WHERE 1",
            "DROP TABLE targets",
            "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
            "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        ):
            with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|Not enough privileges"):
                ask(user, sql)
    with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
        ask("ann", "SELECT * FROM dead_letters")
    assert ask("all", "SELECT count() FROM dead_letters") == [(0,)]
    assert len(ask("all", "SELECT DISTINCT brand FROM interactions")) == 4


def test_who_is_of_two_brands_sees_the_rows_of_both(ask):
    assert sorted(ask("both", "SELECT DISTINCT brand FROM touchpoints")) == [("lumiere",), ("maison",)]


def test_who_asks_too_often_is_told_when_that_ends_and_others_are_not_held_up(server, ask):
    with pytest.raises(
        DatabaseError, match=r"Quota for user `hasty` for 3600s has been exceeded: queries = 1\d/9"
    ):
        [ask("hasty", "SELECT count() FROM targets") for _ in range(20)]  # SELECT 1 is free
    assert ask("ann", "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "setting",
    [
        "max_execution_time = 601",
        "max_memory_usage = 4000000001",
        "readonly = 0",
        "max_concurrent_queries_for_user = 11",
        "max_execution_time = 0",
        "max_memory_usage = 0",
        "max_memory_usage_for_user = 0",
        "max_untracked_memory = 100000000",
        "max_temporary_data_on_disk_size_for_query = 0",
        "log_queries = 0",
    ],
)
def test_bounds_of_time_and_memory_are_not_theirs_to_lift(ask, setting):
    with pytest.raises(DatabaseError, match=r"SETTING_CONSTRAINT_VIOLATION|READONLY"):
        ask("ann", f"SELECT 1 SETTINGS {setting}")
    assert ask("ann", "SELECT 1 SETTINGS max_execution_time = 600, max_threads = 1") == [(1,)]


def test_nobody_comes_in_by_another_password(server):
    with pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
        clickhouse_connect.get_client(
            host="127.0.0.1", port=server.http_port, username="ann", password=server.passwords["all"]
        )


@pytest.mark.parametrize("brands", [(), ("lumiere",), ("lumiere", EVIL)])
@pytest.mark.parametrize("cluster", ["", "main"])
def test_the_statements_are_such_as_clickhouse_parses_and_names_are_but_names(server, ask, brands, cluster):
    place = analysts.Place("journey", server.place.tables, server.place.views, cluster)
    statements = [*analysts.create(EVIL, brands, DIGEST, place), analysts.drop(EVIL, place)]
    again = r"(CREATE (ROLE|ROW POLICY) IF NOT EXISTS|CREATE (USER|SETTINGS PROFILE|QUOTA) OR REPLACE|GRANT|ALTER|DROP) "
    assert [one for one in statements if not re.match(again, one)] == []  # met again, they change nothing
    for formatted in server_parsed(server, statements):
        assert re.match(
            r"(CREATE (ROLE|ROW POLICY|SETTINGS PROFILE|QUOTA|USER)|GRANT|ALTER USER|DROP USER) ", formatted
        )
        assert ("ON CLUSTER" in formatted) == bool(cluster)
    policies = [statement for statement in statements if "ROW POLICY" in statement]
    assert bool(policies) == bool(brands)
    (profile,) = [statement for statement in statements if "SETTINGS PROFILE" in statement]
    assert all(f"{name} = {value}" in profile for name, value in SERVER_SETTINGS.items())
    first = {}
    for policy in policies:
        first.setdefault(re.search(r" ON (`journey`\.`\w+`) USING", policy)[1], policy)
    assert all(" TO ALL EXCEPT `journey some brands`" in policy for policy in first.values())


def server_parsed(server, statements):
    with closing(server.client()) as client:
        parsed = "SELECT formatQuerySingleLine(arrayJoin({sql:Array(String)}))"
        found = client.query(parsed, parameters={"sql": statements}).result_rows
    assert len(found) == len(statements)
    return [formatted for (formatted,) in found]


def test_the_command_prints_what_an_administrator_runs_and_says_who_refuses(server):
    journey = Command({"JOURNEY_STORE": server.dsn, "JOURNEY_HANDLE_KEY": KEY})
    printed = journey("analysts", "create", "ann", "--brand", "lumiere", "--dry-run")
    password = re.search(r"the password will be: (\S+)", journey.errors)[1]
    assert password not in printed
    assert "CREATE USER OR REPLACE `ann` IDENTIFIED WITH sha256_hash BY" in printed
    journey("analysts", "create", "ann", "--brand", "lumiere", code=2)
    assert "may not manage access" in journey.errors
    assert "--dry-run" in journey.errors
    Command({"JOURNEY_STORE": "", "JOURNEY_HANDLE_KEY": KEY})("analysts", "drop", "ann", code=2)
