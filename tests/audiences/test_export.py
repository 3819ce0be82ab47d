"""An export has the brand's own numbers for who has their key, beside the same rows as without; it says what is missing."""

import csv
import io
import stat
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.audiences.export import exported
from streams.edge.readable import ReadableError
from streams.handles.readable import ReadableReader
from tests.audiences.world import audience, keeping
from tests.backup.world import journey, tried
from tests.fixtures.directories import EVENING, with_tables
from tests.privacy.people import BRAND, event
from tests.readable.world import load, opened, people

ON = {"JOURNEY_READABLE": "user loyalty"}
SECOND = {"user": "=planted(1)", "loyalty": "LUM-PLANTED-1"}  # a user id more, which a spreadsheet would run


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, [*people(range(6)), event("second", "web.page_view", 7, SECOND)])
        load(embedded, [event("nobody", "web.page_view", 8, {"cookie": "cookie-alone"})])
        with keeping(
            embedded, audience("a", brand=BRAND, sql="SELECT DISTINCT customer FROM customers")
        ) as upkeep:
            (done,) = upkeep.refresh(embedded.store)
        assert (done.error, done.members) == ("", 7)
        yield embedded


def export(engine, fmt, *, readable=True):
    reader = ReadableReader.of_settings(engine.settings) if readable else None
    return b"".join(exported(engine.store, BRAND, "a", fmt, reader))


def rows_of(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_csv_has_a_column_for_each_kind_beside_the_same_rows_as_without(engine):
    rows = rows_of(export(engine, "csv"))
    numbers = {row["customer"]: (row.pop("user_number"), row.pop("loyalty_number")) for row in rows}
    assert rows == rows_of(export(engine, "csv", readable=False))
    found = sorted(numbers.values())
    assert found[0] == ("", ""), "who has none"
    assert ("'=planted(1); u-planted-1", "LUM-PLANTED-1") in found
    assert {("u-planted-0", "LUM-PLANTED-0"), ("u-planted-5", "LUM-PLANTED-5")} <= set(found)


def test_parquet_has_lists_beside_the_same_columns_as_without(engine):
    table = pq.read_table(pa.BufferReader(export(engine, "parquet")))
    bare = pq.read_table(pa.BufferReader(export(engine, "parquet", readable=False)))
    assert table.drop_columns(["user_number", "loyalty_number"]).to_pylist() == bare.to_pylist()
    lists = table.column("user_number").to_pylist()
    assert [] in lists
    assert ["=planted(1)", "u-planted-1"] in lists


def test_an_audience_of_nobody_has_its_columns_all_the_same(engine):
    reader = ReadableReader.of_settings(engine.settings)
    data = b"".join(exported(engine.store, BRAND, "nobody", "csv", reader))
    assert data.decode().splitlines() == [
        "customer,brand,audience,entered_at,stage,since,lapses_at,first_seen,last_seen,touches,revenue,user_number,loyalty_number"
    ]
    table = pq.read_table(
        pa.BufferReader(b"".join(exported(engine.store, BRAND, "nobody", "parquet", reader)))
    )
    assert (table.num_rows, table.column_names[-1]) == (0, "loyalty_number")


def test_another_key_is_an_error_and_no_file(engine):
    other = ReadableReader.of_settings(replace(engine.settings, readable_key=b"x" * 32))
    with pytest.raises(ReadableError, match="key"):
        list(exported(engine.store, BRAND, "a", "csv", other))


@pytest.fixture
def data(tmp_path):
    """A directory that no process has open, with an audience that was looked at."""
    data = with_tables(tmp_path / "data")
    (tmp_path / "audiences.toml").write_text(
        '[[audience]]\nname = "all"\nbrand = "lumiere"\nsql = "SELECT DISTINCT customer FROM standings WHERE brand = {brand:String}"\n'
    )
    journey("load", EVENING, "--data", data, **ON)
    journey("audience", "refresh", "--audiences", tmp_path / "audiences.toml", "--data", data)
    return data


def test_the_command_writes_a_file_for_its_owner_alone(data, tmp_path):
    out = tmp_path / "all.csv"
    journey("audience", "export", "all", "--readable", "--out", out, "--data", data, **ON)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    cards = {row["loyalty_number"] for row in rows_of(out.read_bytes())} - {""}
    assert "LUM-100482" in cards
    assert journey("audience", "export", "all", "--readable", "--data", data, **ON).stdout == out.read_text()


def test_the_command_says_whether_the_kind_or_the_key_is_missing(data):
    words = ("audience", "export", "all", "--readable", "--data", data)
    none = tried(*words)
    assert (none.returncode, none.stdout) == (2, "")
    assert "JOURNEY_READABLE names the kinds" in none.stderr
    assert "no handles of lumiere are kept readable" in tried(*words, JOURNEY_READABLE="nova=user").stderr
    (data / "readable.key").unlink()
    lost = tried(*words, **ON)
    assert (lost.returncode, lost.stdout) == (2, "")
    assert "bring that key back (readable.key, or JOURNEY_READABLE_KEY)" in lost.stderr
