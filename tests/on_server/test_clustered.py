"""The tables of a cluster: what is rewritten, that ClickHouse can read it, and that two shards answer as one engine."""

from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from streams.analysis.brands import brands
from streams.analysis.verify import verify
from streams.erasure import minutes
from streams.erasure import statements as erasure
from streams.page.answer import answer
from streams.page.scope import read
from streams.page.views import VIEWS as PAGE
from streams.server.server import Server
from streams.settings import Settings
from streams.store import migrations
from streams.store.clickhouse import ClickHouse
from streams.store.cluster import EVERYWHERE, clustered, local
from streams.store.port import TABLES
from tests.on_server.cluster import NAME, statements, two_shards
from tests.on_server.conftest import COPIED, Command, embedded

AT = "'2026-11-15 00:00:00'"
NOW = datetime(2026, 11, 15, tzinfo=UTC)


def made(name):
    ours = (sql for sql in statements() if sql.startswith("CREATE TABLE "))
    return [sql for sql in ours if sql.split()[2] in {name, f"{name}_local"}]


def test_every_statement_for_a_cluster_can_be_read_by_clickhouse(clickhouse):
    client = clickhouse.client()
    try:
        for sql in statements():
            assert f" ON CLUSTER '{NAME}'\n" in sql
            client.command(f"EXPLAIN AST {sql}")
    finally:
        client.close()


def test_a_table_of_the_log_is_replicated_in_parts_and_reached_through_one_that_spreads_partitions():
    inner, outer = made("identity_map")
    assert inner.startswith("CREATE TABLE identity_map_local ON CLUSTER 'main'\n(\n    handle")
    path = "'/clickhouse/tables/{shard}/{database}/identity_map', '{replica}'"
    assert f"ENGINE = ReplicatedReplacingMergeTree({path}, version) ORDER BY handle\nCOMMENT 'Handle" in inner
    assert outer.startswith("CREATE TABLE identity_map ON CLUSTER 'main'\n(\n    handle")
    assert (
        "\nENGINE = Distributed('main', 'journey', 'identity_map_local', _partition)\nCOMMENT 'Handle"
        in outer
    )
    assert outer.count(" COMMENT '") == inner.count(" COMMENT '") == 7


def test_an_index_stays_with_the_rows():
    inner, outer = made("interactions")
    assert "INDEX handle_bloom" in inner
    assert "INDEX" not in outer


def test_a_new_column_comes_to_the_rows_first_and_then_to_what_reaches_them():
    added = [sql for sql in statements() if "ADD COLUMN" in sql]
    assert [sql.splitlines()[0] for sql in added] == [
        f"ALTER TABLE {name} ON CLUSTER 'main'"
        for name in (
            "model_weights",
            "deliveries_local",
            "deliveries",
            "write_keys",
            "deliveries_local",
            "deliveries",
            "stage_changes_local",
            "stage_changes",
            "feed_positions",
        )
    ]


def test_each_table_that_a_batch_writes_is_spread_by_partition_and_each_other_is_whole_everywhere():
    tables = {m.sql.split()[2] for m in migrations.migrations() if m.sql.startswith("CREATE TABLE")}
    assert tables == {*TABLES} | (EVERYWHERE - {"migrations"})
    for table in TABLES:
        assert len(made(table)) == 2
        assert local(table) == f"{table}_local"
    for table in EVERYWHERE - {"migrations"}:
        (sql,) = made(table)
        assert f"MergeTree('/clickhouse/tables/all/{{database}}/{table}', '{{shard}}-{{replica}}'" in sql
        assert local(table) == table


def test_the_book_of_migrations_is_whole_everywhere_too(store):
    book = migrations.plan(_Unmade(store.client), NAME)[0]
    assert book.startswith("CREATE TABLE IF NOT EXISTS migrations ON CLUSTER 'main'\n")
    assert (
        "ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/migrations', '{shard}-{replica}')"
        in book
    )


class _Unmade:
    """A client whose database nobody has made."""

    database = "nobody_has_made_this"

    def __init__(self, client):
        self.raw_query = client.raw_query


def test_joins_and_subqueries_of_views_are_made_once_for_all_shards():
    views = "\n".join(sql for sql in statements() if sql.startswith("CREATE VIEW"))
    plain = (
        views.replace("GLOBAL INNER JOIN", "")
        .replace("GLOBAL LEFT JOIN", "")
        .replace("GLOBAL CROSS JOIN", "")
    )
    assert " JOIN" not in plain.replace("ARRAY JOIN", "").replace("GLOBAL ASOF INNER JOIN", "")
    assert "GLOBAL ASOF INNER JOIN" in views
    assert " IN (SELECT" not in views.replace("GLOBAL IN (SELECT", "").replace("GLOBAL NOT IN (SELECT", "")
    assert clustered("CREATE VIEW v\nAS SELECT 1 WHERE a NOT IN (SELECT 2)", "c", "d") == [
        "CREATE VIEW v ON CLUSTER 'c'\nAS SELECT 1 WHERE a GLOBAL NOT IN (SELECT 2)"
    ]


def test_a_statement_of_another_form_is_refused():
    with pytest.raises(ValueError, match="no rule to make this statement for a cluster: DROP TABLE x"):
        clustered("DROP TABLE x", "c", "d")


VIEWS = {
    "model_in_force": "*",
    "customers": "*",
    "touchpoints": "*",
    "horizons": "*",
    "kept_expiries": "*",
    "kept_state": "*",
    "stale_handles": "*",
    f"stage_steps_of(model = (SELECT model FROM model_in_force), until = {AT}, now = {AT}, stale = 1, slices = 1, slice = 0)": "*",
    "interactions_kept": "* EXCEPT (_partition, _offset)",
    "expired_touches": "*",
    "touches_by_minute": "*",
    "touch_evidence(model = (SELECT model FROM model_in_force))": "* EXCEPT (_partition, _offset)",
    "evidence_recomputed(model = (SELECT model FROM model_in_force))": "* REPLACE (round(attention, 3) AS attention,"
    " round(attraction, 3) AS attraction, round(affinity, 3) AS affinity, round(audience, 3) AS audience, round(advocacy, 3) AS advocacy)",
    "standings": "* EXCEPT (scores, lapses_at)",
    f"stage_steps(model = (SELECT model FROM model_in_force), until = {AT}, now = {AT})": "*",
    "stage_history": "*",
    f"stage_history_under(model = (SELECT model FROM model_in_force), at = {AT})": "*",
    "journeys": "* EXCEPT (attention, attraction, affinity, audience, advocacy, lapses_at)",
    f"standing_under(model = (SELECT model FROM model_in_force), at = {AT})": "* EXCEPT (attention, attraction, affinity, audience, advocacy, lapses_at)",
    f"journeys_at(at = {AT})": "* EXCEPT (attention, attraction, affinity, audience, advocacy, lapses_at)",
    "stage_population": "*",
    "channel_switches": "*",
    "showrooming(window_days = 30)": "*",
    "webrooming(window_days = 30)": "*",
    "channel_steps": "*",
    "looked_then_bought(window_days = 30)": "*",
    "content_touches": "*",
    "zombies(days = 2)": "*",
    "target_progress": "* EXCEPT set_at",
    "unmapped_types": "*",
    "conflicts_by_source": "*",
    f"unhappy_customers(at = {AT})": "* EXCEPT (affinity, advocacy, balance)",
    "audience_members": "*",
    "cascade_causes": "*",
    "cascade_edges": "*",
    "cascade_spine": "*",
    "cascade_nodes": "*",
    "cascade_touches": "*",
    "cascade_parts": "*",
    "cascade_customers": "*",
    "cascades": "*",
    "cascade_generations": "*",
    "cascade_ancestors": "*",
    "influencers": "*",
    f"advocacy_touches(model = (SELECT model FROM model_in_force), since = '2020-01-01 00:00:00', until = {AT})": "*",
    f"advocates_by_minute(model = (SELECT model FROM model_in_force), since = '2020-01-01 00:00:00', until = {AT})": "*",
}
# A row's place as workers would give it: the partition that its handle, or customer, is of.
OWNERS = {
    "interactions": "handle",
    "evidence": "handle",
    "identity_links": "left_handle",
    "stage_changes": "customer",
}


@pytest.fixture(scope="module")
def shards(loaded, clickhouse):
    with embedded(loaded) as source, two_shards() as stores:
        for table in COPIED:
            names = [row[0] for row in source.query(f"DESCRIBE TABLE {table}").result_rows]
            place = f"toUInt16({OWNERS.get(table, 'cityHash64(*)')} % 8) AS _partition"
            columns = ", ".join(place if name == "_partition" else name for name in names)
            rows = source.raw_query(f"SELECT {columns} FROM {table}", fmt="Native")
            for store in stores if table in EVERYWHERE else stores[:1]:
                store.client.raw_insert(table, names, rows, fmt="Native")
        yield stores


@pytest.fixture(scope="module")
def source(loaded):
    """The engine over the data directory, opened once."""
    with closing(ClickHouse(f"chdb://{(loaded / 'clickhouse').resolve()}")) as opened:
        yield opened


def test_every_view_has_its_place_here():
    views = {sql.split()[2] for sql in statements() if sql.startswith("CREATE VIEW")}
    assert {name.partition("(")[0] for name in VIEWS} == views


def test_rows_stand_on_both_shards_and_those_of_a_partition_on_one(shards):
    for table in ("interactions", "evidence", "identity_map", "stage_changes"):
        kept = [
            {row["p"] for row in shard.rows(f"SELECT DISTINCT _partition AS p FROM {table}_local")}
            for shard in shards
        ]
        assert all(kept)
        assert not kept[0] & kept[1]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_gives_on_either_shard_what_it_gives_on_one_engine(shards, source, view):
    query = f"SELECT {VIEWS[view]} FROM {view}"
    expected = sorted(map(repr, source.query(query, {})))
    assert expected or view in {
        "target_progress", "conflicts_by_source", "horizons", "expired_touches", "audience_members", "stale_handles",
    }  # fmt: skip
    for shard in shards:
        assert sorted(map(repr, shard.query(query, {}))) == expected


def test_watermarks_and_what_a_restart_reads_come_from_all_shards(shards, loaded):
    assert {table: max(mark.values()) for table, mark in shards[0].watermarks().items() if mark} == {
        table: max(mark.values()) for table, mark in shards[1].watermarks().items() if mark
    }
    assert shards[0].query("SELECT count() FROM interactions", {})[0][0] == sum(
        len(ids) for ids, _ in shards[1].known_ids()
    )


def test_verify_recomputes_across_shards_and_finds_what_drifts_on_one(shards, tmp_path):
    settings = Settings(tmp_path, store=str(shards[0].address), cluster=NAME)
    with Server(settings) as server:
        assert [check for check in verify(server) if check.drift] == []
        moved = shards[1].rows("SELECT * FROM minute_counts_local LIMIT 1")[0]
        shards[1].client.insert("minute_counts_local", [list(moved.values())], list(moved))
        waited = []
        (drift,) = [check for check in verify(server, wait=waited.append) if check.drift]
        assert (drift.name, drift.drift) == ("minutes", 1)
        assert len(waited) == 1


def test_a_command_without_the_name_of_the_cluster_is_told_so(shards):
    run = Command({"JOURNEY_STORE": str(shards[0].address)})
    run("stages", "--brand", "lumiere", code=2)
    assert "made for the cluster 'main', and JOURNEY_CLUSTER names a single server" in run.errors
    answer = Command(run.environment | {"JOURNEY_CLUSTER": NAME}).json("stages", "--brand", "lumiere")
    assert sum(row["customers"] for row in answer["stages"]) >= 17


def test_what_needs_an_order_of_writes_is_refused(shards):
    run = Command({"JOURNEY_STORE": str(shards[0].address), "JOURNEY_CLUSTER": NAME})
    run("feed", code=2)
    assert "the tables are those of a cluster, whose replicas get writes in any order" in run.errors


def test_what_erases_reaches_the_rows_on_every_server_and_can_be_read_by_clickhouse(clickhouse):
    store, sent = ClickHouse.__new__(ClickHouse), []
    store.cluster, store.address = NAME, None
    store.client = SimpleNamespace(
        command=lambda sql, **_: sent.append(sql),
        query=lambda *_, **__: SimpleNamespace(named_results=list, result_rows=[]),
    )
    minutes.recount(store, "0123")
    erasure.delete(store, "0123")
    erasure.clear(store, "0123")
    erasure.scrub(store, "interactions")  # each server of a cluster does so by itself
    altered = [sql for sql in sent if sql.startswith("ALTER TABLE ")]
    assert len(altered) == len(sent) - 2  # minutes are counted anew, and numbers of announcements are kept
    for sql in altered:
        table = sql.split()[2]
        assert sql.startswith(f"ALTER TABLE {table} ON CLUSTER '{NAME}' ")
        assert local(table.removesuffix("_local")) == table
    assert {sql.split()[2] for sql in altered} >= {"interactions_local", "minute_counts_local", "erasing"}
    client = clickhouse.client()
    try:
        for sql in sent:
            client.command(f"EXPLAIN AST {sql}", parameters={"receipt": "0123", "upto": 9, "more": 0})
    finally:
        client.close()


PLAIN = {"cascades", "influencers"}  # each reads one of the views above, as it is
CHOSEN = {
    "channels": {"before": "web", "after": "store", "way": "webrooming", "place": "paris-opera"},
    "spikes": {"alert": "0000"},
    "content": {"content": "lumiere-page-000"},
    "targets": {"stage": "attraction", "channel": "web"},
    "lapses": {"days": "366"},
}


@pytest.mark.parametrize("view", PAGE, ids=lambda view: view.name)
def test_a_figure_of_the_page_says_across_shards_what_it_says_on_one_engine(shards, source, view):
    expected = figures(source, view)
    assert any(expected.values()) or view.name == "targets"
    assert figures(shards[1], view) == expected


def figures(store, view):
    scope = read(CHOSEN.get(view.name, {}) | {"brand": "lumiere"}, brands(store), view.fields, NOW)
    return {
        panel.name: sorted(map(told, answer(store, panel, scope).rows))
        for panel in view.panels(scope)
        if panel.name not in PLAIN
    }


def told(row):
    return repr({name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()})
