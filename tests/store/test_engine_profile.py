"""What the engine in this process sets otherwise than ClickHouse does."""

import pytest

from streams.store.clickhouse import ClickHouse
from tests.fixtures.directories import with_tables


@pytest.fixture
def store(tmp_path):
    store = ClickHouse(f"chdb://{with_tables(tmp_path / 'data') / 'clickhouse'}")
    yield store
    store.close()


def test_tables_are_joined_as_views_write_them_and_nothing_is_compiled(store):
    names = [
        "query_plan_optimize_join_order_limit",
        "compile_expressions",
        "compile_aggregate_expressions",
        "compile_sort_description",
    ]
    rows = store.rows(
        "SELECT name, value FROM system.settings WHERE name IN {names:Array(String)}", {"names": names}
    )
    assert {row["name"]: row["value"] for row in rows} == dict.fromkeys(names, "0")
