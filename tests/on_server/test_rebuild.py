"""rebuild on a server: tables are rebuilt from its interactions; a worker that begins meanwhile is seen."""

from contextlib import closing

import pytest

from schemas.topics import EVIDENCE, INTERACTIONS, LINKS
from streams.analysis.verify import mended_by, verify
from streams.fencing.store import ServerStore
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.rebuild import BESIDE
from streams.server.rebuild import RebuildError, rebuild_across
from streams.server.server import Server
from streams.settings import Settings
from streams.store.kept import PATHS
from tests.faults.child import TABLES
from tests.faults.comparison import rounded
from tests.on_server.conftest import copy, embedded

COMPARED = ("customers", "minute_counts", "identity_links", "evidence", "stages")


@pytest.fixture
def server(store, loaded, tmp_path):
    with embedded(loaded) as source:
        copy(source, store.client)
    workers = ServerStore(store, 2)  # they have been there
    for topic, partitions in ((INTERACTIONS, [0, 1]), (LINKS, [0]), (EVIDENCE, [0, 1])):
        workers.take(topic, partitions)
    with closing(Server(Settings(tmp_path, store=str(store.address)))) as opened:
        yield opened


def tables(server):
    return {name: [rounded(row) for row in server.store.rows(TABLES[name])] for name in COMPARED}


def told(server):
    checks = verify(server, wait=lambda _seconds: None)
    return mended_by(server, checks), {check.name for check in checks if check.drift}


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE {table} DROP PARTITION ID 'all'",
        "ALTER TABLE {table} DELETE WHERE cityHash64(*) % 3 = 0 SETTINGS mutations_sync = 2",
    ],
    ids=["all", "some"],
)
def test_what_is_lost_is_named_by_verify_and_made_anew(server, damage):
    before, marks = tables(server), server.store.watermarks()
    for table in FOLLOWING:
        columns = ", ".join(row["name"] for row in server.store.rows(f"DESCRIBE TABLE {table}"))
        hashed = damage.replace("cityHash64(*)", f"cityHash64(toString(({columns})))")
        server.store.client.command(hashed.format(table=table))
    names, drift = told(server)
    assert drift >= {"evidence", "minutes", "links", "customers"}
    assert set(names) >= {"evidence", "minute_counts", "identity_links", "identity_map"}
    done = rebuild_across(server, FOLLOWING, lambda *_: None)
    assert [one.table for one in done] == list(FOLLOWING)
    assert tables(server) == before
    assert told(server) == ([], set())
    after = server.store.watermarks()
    assert {table: after[table] for table in ("evidence", "minute_counts")} == {
        table: marks[table] for table in ("evidence", "minute_counts")
    }


def test_a_table_whose_interactions_stand_in_several_partitions_has_the_watermark_of_each(server):
    server.store.client.command(
        "INSERT INTO interactions SELECT * REPLACE (event + 1 AS event, 1 AS _partition, 77 AS _offset)"
        " FROM interactions WHERE NOT startsWith(type, 'identity.') LIMIT 50"
    )
    rebuild_across(server, ["evidence", "minute_counts"], lambda *_: None)
    marks = server.store.watermarks()
    assert marks["evidence"][1] == marks["minute_counts"][1] == marks["interactions"][1] == 77
    assert not {"evidence", "touches", "minutes"} & told(server)[1]


def test_a_worker_that_begins_meanwhile_is_seen_and_the_old_table_stays(server):
    server.store.client.command("ALTER TABLE minute_counts DROP PARTITION ID 'all'")
    worker = ServerStore(server.store, 2)

    def begin(table, *_):
        if table == "minute_counts":
            worker.take(INTERACTIONS, [1])

    with pytest.raises(RebuildError, match=r"stop every worker.*partition 1 of interactions"):
        rebuild_across(server, ["minute_counts"], begin)
    assert server.store.rows("SELECT count() AS n FROM minute_counts") == [{"n": 0}]
    assert server.store.rows(f"SHOW TABLES LIKE '{BESIDE}%'") == []
    assert worker.held(INTERACTIONS, [1]) == {1}


def test_kept_paths_are_emptied_in_turn_and_workers_go_on(server):
    store = server.store
    workers = ServerStore(store, 2)
    workers.take(EVIDENCE, [0, 1])
    store.client.command(
        "INSERT INTO kept_paths (model, brand, customer, number) VALUES ('m', 'lumiere', 1, 1)"
    )
    (done,) = rebuild_across(server, [PATHS], lambda *_: None)
    assert (done.table, done.before, done.after) == (PATHS, 1, 0)
    assert store.rows("SELECT max(epoch) AS n FROM kept_marks")[0]["n"] == 2
    assert workers.held(EVIDENCE, [0, 1]) == {0, 1}


def test_events_that_are_stored_twice_are_named_and_the_first_that_arrived_stays(server):
    before, count = tables(server), server.store.rows("SELECT count() AS n FROM interactions")[0]["n"]
    kept = server.store.rows("SELECT * EXCEPT (_partition, _offset) FROM interactions ORDER BY event")
    again = (
        "INSERT INTO interactions SELECT * REPLACE (time + toIntervalDay(3) AS time, {partition} AS _partition, 999 AS _offset)"
        " FROM (SELECT * FROM interactions WHERE NOT startsWith(type, 'identity.') AND event NOT IN"
        " (SELECT event FROM interactions GROUP BY event HAVING count() > 1) ORDER BY event LIMIT 20)"
    )
    for partition in (0, 1):  # what one worker stored twice, and what two did
        server.store.client.command(again.format(partition=partition))
        server.store.client.command(
            "INSERT INTO deliveries (received, stored, received_at, _partition, _offset)"
            f" VALUES (20, 20, now64(6), {partition}, 999)"
        )
    names, drift = told(server)
    assert (names, "unique" in drift) == (["interactions"], True)
    planned = rebuild_across(server, ["interactions"], lambda *_: None, dry_run=True)
    assert (planned[0].before, planned[0].after) == (count + 40, count)
    assert server.store.rows("SELECT count() AS n FROM interactions") == [{"n": count + 40}]
    done = rebuild_across(server, ["interactions"], lambda *_: None)
    assert [one.table for one in done] == ["interactions", *FOLLOWING]
    assert server.store.rows("SELECT * EXCEPT (_partition, _offset) FROM interactions ORDER BY event") == kept
    assert server.store.rows("SELECT what, events FROM erasures") == [{"what": "repeats", "events": 40}]
    assert tables(server) == before
    assert told(server) == ([], set())


def test_tables_of_a_cluster_and_those_that_do_not_follow_are_refused(server):
    with pytest.raises(RebuildError, match="deliveries of a server is written by workers alone"):
        rebuild_across(server, ["deliveries"], lambda *_: None)
    server.store.cluster = "main"
    with pytest.raises(RebuildError, match="on a ClickHouse cluster"):
        rebuild_across(server, FOLLOWING, lambda *_: None)
