"""The store on a server: blocks are whole, errors say what is wrong and no password, answers are the engine's."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from journey.seen import UNSEEN, Ids
from schemas.apath import default_model
from streams.settings import Settings, SettingsError
from streams.store import clickhouse as store_module
from streams.store import query_settings
from streams.store.address import Address
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.open_server import open_server
from streams.store.port import TABLES, StoreError
from tests.on_server.conftest import copy, embedded
from tests.on_server.front import breaking

SECRET = "correct horse/battery staple"


def deliveries(count: int, offset: int = 1) -> pa.Table:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    return pa.table(
        {
            "topic": pa.array(["test"] * count),
            "received": pa.array([1] * count, pa.uint32()),
            "received_at": pa.array([now] * count, pa.timestamp("us", "UTC")),
            "_partition": pa.array([0] * count, pa.uint16()),
            "_offset": pa.array(range(offset, offset + count), pa.uint64()),
        }
    )


def without_password(dsn: str) -> str:
    return re.sub(r":[^:/@]+@", "@", dsn)


def count(store: ClickHouse, table: str = "deliveries") -> int:
    return store.rows(f"SELECT count() AS n FROM {table}")[0]["n"]


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        ("clickhouse://h", "clickhouse://default@h:8123/journey"),
        ("clickhouses://ann:s%2Fecret@h/other", "clickhouses://ann@h:8443/other"),
        ("http://h:1", "clickhouse://default@h:1/journey"),
        ("https://h", "clickhouses://default@h:8443/journey"),
        ("clickhouse://ann@[::1]:9/a_1/", "clickhouse://ann@[::1]:9/a_1"),
    ],
)
def test_a_dsn_is_told_without_its_password(dsn, told):
    assert str(Address.read(dsn)) == told
    assert "s/ecret" not in repr(Address.read(dsn))


def test_a_password_given_by_itself_wins_over_the_one_in_the_dsn():
    for dsn, given, used in (
        ("clickhouse://ann:a%2Fb@h", "", "a/b"),
        ("clickhouse://ann:old@h", "new", "new"),
    ):
        assert Address.read(dsn, given).password == used


@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        ("clickhouse:///journey", "names no host"),
        ("clickhouse://ann:secret@h:port/journey", "port"),
        ("clickhouse://ann:secret@h:99999", "port"),
        ("clickhouse://ann:secret@h/a-b", "'a-b' is no name of a database"),
        ("clickhouse://ann:secret@h/a/b", "'a/b' is no name of a database"),
        ("clickhouse://ann:secret@h/journey?verify=0", "options"),
        ("postgres://ann:secret@h/journey", "clickhouse://user@host:8123/journey"),
    ],
)
def test_a_dsn_of_another_form_is_refused_with_what_is_wrong_with_it(dsn, reason):
    with pytest.raises(SettingsError, match="JOURNEY_STORE") as error:
        ClickHouse(dsn)
    assert reason in str(error.value)
    assert "secret" not in str(error.value)


def test_a_wrong_password_is_told_without_it(own_clickhouse):
    server = own_clickhouse(users={"ann": SECRET})
    for dsn, password in ((server.dsn, ""), (without_password(server.dsn), SECRET)):
        with closing(ClickHouse(dsn, password=password)) as opened:
            opened.make_database()
            assert opened.rows("SELECT currentUser() AS user") == [{"user": "ann"}]
    with pytest.raises(StoreError, match="Authentication failed") as error:
        ClickHouse(server.dsn, password="wrong/one")
    assert str(error.value).startswith("JOURNEY_STORE: cannot open clickhouse://ann@127.0.0.1:")
    for word in ("wrong", "horse", "battery", "url"):
        assert word not in str(error.value)


def test_a_server_that_is_down_is_told_in_one_line(journey, own_clickhouse):
    server = own_clickhouse()
    dsn = server.fresh_database()
    server.kill()
    journey("stages", "--brand", "acme", code=2, JOURNEY_STORE=dsn)
    assert journey.errors.count("\n") == 1
    assert "JOURNEY_STORE: cannot open clickhouse://default@127.0.0.1:" in journey.errors
    assert "Connection refused" in journey.errors


def test_over_tls_a_server_is_trusted_by_its_authority_only(journey, own_clickhouse):
    server = own_clickhouse(secured=True, users={"ann": SECRET})
    trusted = {
        "JOURNEY_STORE": without_password(server.tls_dsn),
        "JOURNEY_STORE_PASSWORD": SECRET,
        "JOURNEY_STORE_CA": str(server.certificates.ca),
    }
    journey("migrate", **trusted)
    assert journey("sql", "SELECT currentUser()", "--format", "TSV", **trusted) == "ann\n"
    journey("stages", "--brand", "acme", code=2, **trusted | {"JOURNEY_STORE_CA": ""})
    assert "certificate verify failed" in journey.errors
    assert "JOURNEY_STORE_CA must be the file" in journey.errors
    journey("stages", "--brand", "acme", code=2, **trusted | {"JOURNEY_STORE_CA": "/nowhere.pem"})
    assert journey.errors.count("\n") == 1
    journey("stages", "--brand", "acme", code=2, **trusted | {"JOURNEY_STORE": server.dsn})
    assert "JOURNEY_STORE_CA is for TLS" in journey.errors


def test_a_worker_opens_migrated_tables_only(dsn, journey, tmp_path):
    settings = Settings(tmp_path, store=dsn)
    with pytest.raises(RuntimeError, match="run journey migrate"):
        open_server(settings)
    journey("migrate")
    with closing(open_server(settings)) as store:
        assert set(store.watermarks()) == set(TABLES)


def test_a_block_is_one_part_and_its_offsets_are_the_watermark(store):
    store.insert("deliveries", deliveries(200_000))
    assert count(store) == 200_000
    parts = "SELECT count() AS n FROM system.parts WHERE database = currentDatabase() AND table = 'deliveries' AND active"
    assert store.rows(parts) == [{"n": 1}]
    assert store.watermarks()["deliveries"] == {0: 200_000}


def test_an_insert_whose_answer_is_cut_off_is_an_error_and_is_not_sent_again(store, dsn):
    with breaking(dsn, b"INSERT+INTO+deliveries") as front, closing(ClickHouse(front.dsn)) as cut:
        with pytest.raises(StoreError, match="deliveries did not take 3 rows"):
            cut.insert("deliveries", deliveries(3))
        assert front.seen == 1
        assert cut.watermarks()["deliveries"] == {0: 3}
    assert count(store) == 3


def test_an_insert_that_takes_too_long_is_ended_on_the_server(store, monkeypatch):
    store.client.command(
        "CREATE TABLE slow (number UInt64, wait UInt8 MATERIALIZED sleepEachRow(0.02)) ENGINE = MergeTree ORDER BY number"
        " SETTINGS index_granularity = 8"
    )
    monkeypatch.setattr(store_module, "INSERT_LIMIT_S", 1)
    rows = pa.table({"number": pa.array(range(100), pa.uint64())})
    with pytest.raises(StoreError, match="TIMEOUT_EXCEEDED"):
        store.insert("slow", rows)
    assert count(store, "slow") == 0


def test_an_insert_to_a_server_that_says_nothing_is_given_up(own_clickhouse, journey, monkeypatch):
    monkeypatch.setattr(store_module, "_INSERT_ANSWER_S", 1)
    server = own_clickhouse()
    dsn = server.fresh_database()
    journey("migrate", JOURNEY_STORE=dsn)
    with closing(ClickHouse(dsn)) as store:
        store.insert("deliveries", deliveries(1))
        server.pause()
        with pytest.raises(StoreError, match="Read timed out"):
            store.insert("deliveries", deliveries(1, offset=2))
        server.resume()
        assert store.watermarks()["deliveries"][0] in {1, 2}
        server.kill()
        with pytest.raises(StoreError, match="did not answer"):
            store.watermarks()
        with pytest.raises(StoreError, match="Connection refused"):
            store.insert("deliveries", deliveries(1, offset=3))
        server.restart()
        store.insert("deliveries", deliveries(1, offset=3))
        assert store.watermarks()["deliveries"] == {0: 3}


def test_a_query_that_is_refused_is_told_from_a_server_that_does_not_answer(store):
    with pytest.raises(QueryError, match="UNKNOWN_IDENTIFIER"):
        store.rows("SELECT nothing_of_that_name")
    with pytest.raises(StoreError, match="deliveries did not take 1 rows: Code: "):
        store.insert("deliveries", pa.table({"nothing_of_that_name": [1]}))


def test_a_long_answer_that_fails_halfway_is_an_error_and_no_shorter_answer(store):
    query = "SELECT number, throwIf(number = 3000000) FROM numbers(4000000)"
    with pytest.raises(QueryError, match="FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"):
        list(store.stream(query, "JSONEachRow", {}, {"max_block_size": 1000}))
    rows = b"".join(store.stream("SELECT number FROM numbers({n:UInt32})", "JSONEachRow", {"n": 5}, {}))
    assert rows.count(b"\n") == 5


def test_several_threads_may_use_one_store_at_once(store):
    def work(number: int) -> int:
        store.insert("deliveries", deliveries(10, offset=1 + 10 * number))
        return store.rows("SELECT sleepEachRow(0.2), {n:UInt32} AS n", {"n": number})[0]["n"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))
    assert count(store) == 80


def test_what_a_restart_reads_is_the_same_from_a_server_as_from_the_engine(store, loaded):
    with embedded(loaded) as client:
        copy(client, store.client)
    with closing(ClickHouse(f"chdb://{loaded}/clickhouse")) as local:
        for ask in (
            ClickHouse.watermarks,
            ClickHouse.sequences,
            ClickHouse.count_ids,
            ClickHouse.announced_under,
        ):
            assert ask(store) == ask(local)
        for name in ("links", "identity_map", "announced"):
            assert rows_of(getattr(store, name)()) == rows_of(getattr(local, name)())
        model = default_model().hash
        assert len(store.evidence(model)) > 300
        for row, other in zip(rows_of(store.evidence(model)), rows_of(local.evidence(model)), strict=True):
            assert row == {
                name: pytest.approx(value, rel=1e-9, nan_ok=True) if isinstance(value, float) else value
                for name, value in other.items()
            }
        recent = local.recent(10**15, 300)
        assert store.recent(10**15, 300) == recent != {}
        found, expected = (sorted(known(opened)) for opened in (store, local))
        assert found == expected
        assert len(found) > 500
        some = next(iter(local.known_ids()))[0]
        some = some.take(np.lexsort((some.low, some.high))[:100])
        # Half of them are looked for where they are, the others where they are not.
        near = "SELECT brand, time - toIntervalDay(20 * (event % 2)) AS time, handle FROM interactions"
        where = local.arrow(f"{near} WHERE event <= {{most:UInt128}} ORDER BY event", {"most": last(some)})
        found, expected = (rows_of(opened.stored(some, where)) for opened in (store, local))
        assert found == expected
        assert len(found) == 100


def rows_of(table: pa.Table) -> list[dict]:
    return sorted(
        table.to_pylist(), key=lambda row: repr([v for v in row.values() if not isinstance(v, float)])
    )


def last(ids: Ids) -> int:
    return max(high << 64 | low for high, low in zip(ids.high.tolist(), ids.low.tolist(), strict=True))


def known(store: ClickHouse) -> list[tuple]:
    return [
        row
        for ids, positions in store.known_ids()
        for row in zip(ids.high.tolist(), ids.low.tolist(), positions.tolist(), strict=True)
    ]


def test_twenty_thousand_ids_and_more_are_looked_up_whatever_a_parameter_may_hold(store):
    store.client.command(
        "INSERT INTO interactions (event, time, _partition, _offset) SELECT bitShiftLeft(toUInt128(number), 70) + number,"
        " toDateTime64('2026-11-01', 6, 'UTC') + number, 3, number + 1 FROM numbers(0, 50000, 2)"
    )
    numbers = np.arange(50_000, dtype=np.uint64)
    brands, times = (
        pa.array([""] * len(numbers)),
        pa.array(numbers.astype(np.int64), pa.timestamp("us", "UTC")),
    )
    near = pa.table({"brand": brands, "time": times, "handle": numbers})
    found = store.first_positions(Ids(numbers << np.uint64(6), numbers), near)
    even = numbers % 2 == 0
    assert (found[~even] == UNSEEN).all()
    assert (found[even] == (3 << 48) + numbers[even] + 1).all()


def test_the_merges_of_a_server_are_left_alone(store):
    with store.merges_held():
        store.insert("deliveries", deliveries(1))
        store.insert("deliveries", deliveries(1, offset=2))
        store.client.command("OPTIMIZE TABLE deliveries FINAL")
    parts = "SELECT count() AS n FROM system.parts WHERE database = currentDatabase() AND table = 'deliveries' AND active"
    assert store.rows(parts) == [{"n": 1}]


def test_the_settings_of_requests_are_known_to_the_server(store):
    wanted = query_settings.INSERT_SETTINGS | query_settings.CLUSTER_SETTINGS
    assert wanted.keys() <= store.client.server_settings.keys()


def test_times_before_1970_are_the_earliest_however_often_it_is_asked(store):
    sql = (
        "SELECT min(at) AS first, max(at) AS last FROM"
        " (SELECT arrayJoin([fromUnixTimestamp64Micro(-2208988800000000, 'UTC'), now64(6, 'UTC')]) AS at, 1 AS k) GROUP BY k"
    )
    found = [store.rows(sql)[0] for _ in range(6)]
    assert {row["first"].year for row in found} == {1900}
    assert 1900 not in {row["last"].year for row in found}
