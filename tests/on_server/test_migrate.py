"""journey migrate: the tables of a server are those of a data directory, made once, whoever else is making them."""

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from streams.store.clickhouse import ClickHouse
from streams.store.migrations import migrations
from tests.on_server.conftest import embedded

JOURNEY = Path(sys.executable).with_name("journey")

TABLES = """
    SELECT name, engine, engine_full, sorting_key, partition_key, as_select, comment, create_table_query
    FROM system.tables WHERE database = currentDatabase() ORDER BY name
"""
COLUMNS = """
    SELECT table, position, name, type, default_kind, default_expression, comment
    FROM system.columns WHERE database = currentDatabase() ORDER BY table, position
"""

BOOK = "SELECT name, statement, checksum FROM migrations FINAL ORDER BY name, statement"


def described(client):
    """Return tables, views and columns as ClickHouse tells them, without the database's own name.

    Tables of a data directory open with any number of damaged parts besides, which on a server is for who runs it to say.
    """
    bearing = (
        ", max_suspicious_broken_parts = 1000000000, max_suspicious_broken_parts_bytes = 1000000000000000"
    )
    found = {}
    for sql in (TABLES, COLUMNS):
        found[sql] = [
            tuple(re.sub(rf"\b{client.database}\b\.", "", str(value)).replace(bearing, "") for value in row)
            for row in client.query(sql).result_rows
        ]
    return found


def four_migrate(dsn):
    """Have four processes migrate a database at once, and all of them end well."""
    environment = {"PATH": "", "JOURNEY_STORE": dsn}
    running = [
        subprocess.Popen(
            [JOURNEY, "migrate"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    ended = [(*process.communicate(), process.returncode) for process in running]
    failed = [errors for _, errors, code in ended if code]
    assert not failed, "\n".join(failed)


def sql_of(printed):
    """Return the statements that --dry-run printed."""
    return [statement for statement in printed.split(";\n\n") if statement.strip()]


def test_the_tables_of_a_server_are_those_of_a_data_directory(store, loaded):
    server = described(store.client)
    with embedded(loaded) as client:
        local = described(client)
    assert server == local
    assert len(server[COLUMNS]) > 200


def test_a_dry_run_prints_what_would_run_in_order_and_changes_nothing(journey, clickhouse, dsn, store):
    fresh = clickhouse.fresh_database()
    printed = journey("migrate", "--dry-run", JOURNEY_STORE=fresh)
    name = fresh.rpartition("/")[2]
    with closing(clickhouse.client()) as client:
        assert client.command(f"EXISTS DATABASE {name}") == 0
        first, *others = sql_of(printed)
        assert first == f"CREATE DATABASE IF NOT EXISTS {name}"
        client.command(first)
        client.database = name
        for statement in others:
            client.command(statement)
        assert described(client) == described(store.client)
    assert journey("migrate", "--dry-run") == ""


def test_a_migration_that_was_applied_is_not_applied_again(journey):
    said = journey("migrate")
    assert re.findall(r"applied (\S+)", said) == sorted({m.name for m in migrations()})
    assert "nothing to do" in journey("migrate")


def test_the_default_model_is_put_in_force_where_there_is_none_and_no_other_is_replaced(journey, store):
    assert store.rows("SELECT count() AS n FROM models") == [{"n": 1}]
    journey("migrate")
    assert store.rows("SELECT count() AS n FROM models") == [{"n": 1}]
    assert "half_life" in journey("model", "show")


def test_several_that_migrate_an_empty_database_at_once_all_end_well(journey, dsn, clickhouse):
    reference = clickhouse.fresh_database()
    journey("migrate", JOURNEY_STORE=reference)
    four_migrate(dsn)
    with closing(ClickHouse(dsn)) as store, closing(ClickHouse(reference)) as expected:
        assert described(store.client) == described(expected.client)
        assert store.rows(BOOK) == expected.rows(BOOK)
        model = "SELECT * EXCEPT (toml) FROM model_in_force AS f INNER JOIN models AS m ON m.model = f.model"
        assert len({row["model"] for row in store.rows(model)}) == 1
    assert "nothing to do" in journey("migrate")


def test_several_that_make_changed_views_anew_at_once_all_end_well(dsn, store):
    before = described(store.client), store.rows(BOOK)
    views = "SELECT name, statement, 'of before' FROM migrations FINAL WHERE name LIKE '0012%'"
    store.client.command(f"INSERT INTO migrations (name, statement, checksum) {views}")
    four_migrate(dsn)
    assert (described(store.client), store.rows(BOOK)) == before


@pytest.mark.parametrize(
    "words",
    [
        ("sql", "SELECT 1"),
        ("stages", "--brand", "acme"),
        ("explain", "email:ann@example.com", "--brand", "acme"),
        ("verify",),
        ("dead-letters", "list"),
        ("identity", "show", "email:ann@example.com"),
        ("model", "show"),
    ],
    ids=" ".join,
)
def test_a_command_on_tables_that_are_not_there_says_what_to_run_and_makes_none(
    journey, clickhouse, dsn, words
):
    journey(*words, code=2)
    assert journey.errors.count("\n") == 1
    assert "run journey migrate" in journey.errors
    with closing(clickhouse.client()) as client:
        assert client.command(f"EXISTS DATABASE {dsn.rpartition('/')[2]}") == 0


def test_tables_that_lack_the_latest_migration_are_not_worked_with(journey, store):
    store.client.command("DELETE FROM migrations WHERE name = '0006_fences.sql'")
    journey("stages", "--brand", "acme", code=2)
    assert "lacks migration 0006_fences.sql: run journey migrate" in journey.errors
    assert "applied 0006_fences.sql" in journey("migrate")
    journey("sql", "SELECT * FROM standings")


def test_a_view_whose_text_has_changed_is_made_anew_with_its_comments_and_a_table_is_not(journey, store):
    described = "SELECT * FROM system.columns WHERE database = currentDatabase() AND table = 'channel_steps' ORDER BY position"
    before = store.rows(described)
    file = "SELECT name, statement, 'of before' FROM migrations FINAL WHERE name = '{}' AND statement = 1"
    store.client.command("CREATE OR REPLACE VIEW channel_steps AS SELECT 'old' AS brand")
    store.client.command(
        f"INSERT INTO migrations (name, statement, checksum) {file.format('0015_steps.sql')}"
    )
    journey("stages", "--brand", "acme", code=2)
    assert "lacks migration 0015_steps.sql" in journey.errors
    assert "applied 0015_steps.sql" in journey("migrate")
    assert store.rows(described) == before
    assert "nothing to do" in journey("migrate")
    store.client.command(
        f"INSERT INTO migrations (name, statement, checksum) {file.format('0002_tables.sql')}"
    )
    journey("migrate", code=2)
    assert "0002_tables.sql, statement 1, was applied with another text" in journey.errors


def test_tables_that_a_newer_program_made_are_left_alone(journey, store):
    store.client.command("INSERT INTO migrations (name, statement) VALUES ('9999_later.sql', 1)")
    for words in (("migrate",), ("stages", "--brand", "acme")):
        journey(*words, code=2)
        assert "9999_later.sql" in journey.errors
        assert "newer" in journey.errors


def test_tables_that_were_made_for_one_server_are_not_taken_for_those_of_a_cluster(journey, store):
    for words in (("migrate",), ("stages", "--brand", "acme")):
        journey(*words, code=2, JOURNEY_CLUSTER="main")
        assert "made for a single server" in journey.errors
        assert "JOURNEY_CLUSTER names the cluster 'main'" in journey.errors


def test_the_durable_profile_reaches_the_tables_of_a_server(journey, store):
    query = "SELECT create_table_query AS q FROM system.tables WHERE database = currentDatabase() AND name = 'interactions'"
    assert "fsync" not in store.rows(query)[0]["q"]
    journey("migrate", JOURNEY_DURABLE="1")
    assert "fsync_after_insert = 1" in store.rows(query)[0]["q"]


def test_migrate_is_for_a_server(journey, tmp_path):
    journey("migrate", code=2, JOURNEY_STORE=f"chdb://{tmp_path}/data")
    assert "set JOURNEY_STORE=clickhouse://" in journey.errors
    assert not (tmp_path / "data").exists()
