"""Files that say what tables are, emptied by a power cut: recreated where that can be done, else named."""

import os

import pytest

from tests.faults.lost import parts_of


def definition(journey, name):
    (path,) = (journey.data / "clickhouse" / "store").glob(f"*/*/{name}.sql")
    return path


# A view and a table that follows, emptied and gone; the rest of the table in `make soak`.
@pytest.mark.parametrize(
    ("table", "gone"),
    [
        ("journeys", False),
        ("evidence", True),
        ("stage_changes", False),
        *(
            pytest.param(*case, marks=pytest.mark.soak)
            for case in (("journeys", True), ("evidence", False), ("stage_changes", True))
        ),
    ],
)
def test_an_emptied_definition_of_a_view_or_of_a_table_that_follows_is_made_anew(journey, table, gone):
    journey.evening()
    query = "SELECT brand, customer, toString(stage) AS stage FROM journeys ORDER BY ALL"
    before, comments = journey.rows(query), journey.rows("DESCRIBE journeys")
    path = definition(journey, table)
    path.unlink() if gone else os.truncate(path, 0)
    journey("sql", "SELECT 1")
    if not gone:
        assert f"{table}.sql was damaged and is kept as {table}.damaged-" in journey.errors.splitlines()[0]
    if table != "journeys":
        assert f"run journey rebuild {table}" in journey.errors
        assert "which journey forget does not reach" in journey.errors
        journey("rebuild", table)
    assert "all figures recompute" in journey("verify")
    assert journey.errors == ""
    assert journey.rows(query) == before
    assert journey.rows("DESCRIBE journeys") == comments


@pytest.mark.parametrize("name", ["interactions", "handle_keys"])
def test_an_emptied_definition_of_another_table_is_named_in_one_line(journey, name):
    journey.evening()
    path = definition(journey, name)
    text = path.read_text()
    os.truncate(path, 0)
    journey("sql", "SELECT 1", code=2)
    (line,) = journey.errors.splitlines()
    assert line.startswith(f"journey: {path}")
    assert "until this file is restored from a backup" in line
    path.unlink()
    journey("sql", "SELECT 1", code=2)
    (line,) = journey.errors.splitlines()
    assert line.startswith(f"journey: the table {name} is not there any more: restore its file {name}.sql")
    path.write_text(text)
    assert "all figures recompute" in journey("verify")


def test_an_emptied_version_of_a_tables_format_is_written_again(journey):
    journey.evening()
    path = parts_of(journey.data, "interactions")[0].with_name("format_version.txt")
    os.truncate(path, 0)
    assert "all figures recompute" in journey("verify")
    assert path.read_text() == "1"
