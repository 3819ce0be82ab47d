"""`journey rebuild` as a user gives it, on a directory that a power cut has damaged."""

import json
from random import Random

import pytest

from tests.cli.conftest import event
from tests.faults.lost import all_gone, newest_emptied


def test_a_directory_that_lost_files_opens_says_what_to_do_in_one_line_and_is_mended_by_it(journey, write):
    journey.evening()
    customers = journey.rows("SELECT handle, customer FROM customers ORDER BY handle")
    newest_emptied(journey.data, "identity_map", Random(1))
    assert journey("sql", "SELECT 1", "--format", "TSV") == "1\n"
    (line,) = journey.errors.splitlines()
    assert line.startswith("journey: data was lost: identity_map lacks handles of")
    assert line.endswith(": run journey rebuild identity_map")
    told = journey("verify", code=1)
    assert "verify: drift; journey rebuild identity_map repairs" in told
    assert "broken-on-start_all_1_1_0" in told
    journey("load", str(write(event(1))), code=2)
    assert "nothing is processed until journey rebuild identity_map has run" in journey.errors
    dry = json.loads(journey("rebuild", "identity_map", "--dry-run", "--json"))
    assert dry["tables"] == [{"table": "identity_map", "before": 0, "after": len(customers)}]
    assert journey.rows("SELECT count() AS n FROM identity_map") == [{"n": 0}]
    assert f"0 rows became {len(customers)}" in journey("rebuild", "identity_map")
    assert journey.rows("SELECT handle, customer FROM customers ORDER BY handle") == customers
    assert journey.errors == ""
    assert "all figures recompute" in journey("verify")
    assert journey.json("load", str(write(event(1))))["accepted"] == 1


@pytest.mark.parametrize("way", ["sql", "load --sql"])
def test_rows_that_a_statement_of_the_owners_deleted_are_told_by_the_next_command(journey, tmp_path, way):
    journey.evening()
    statement = "ALTER TABLE evidence DELETE WHERE 1 SETTINGS mutations_sync = 2"
    if way == "sql":
        journey("sql", statement)
    else:
        (tmp_path / "no_select.sql").write_text(statement)
        journey("load", "--sql", str(tmp_path / "no_select.sql"))
    journey("stages", "--brand", "lumiere")
    assert journey.errors.startswith("journey: data was lost: evidence has 0 touches of")


def test_what_does_not_follow_from_the_interactions_is_refused_by_name(journey):
    journey("rebuild", "dead_letters", code=2)
    assert "dead_letters cannot be rebuilt from the interactions: there are interactions," in journey.errors
    journey("rebuild", "--write-off", "--dry-run", code=2)
    assert "--write-off" in journey.errors


def forgotten(journey, write, *words):
    """Load two customers, one after the other, and forget the second."""
    for number in (1, 2):
        journey("load", str(write(event(number, handles={"email": f"{number}@example.com"}))))
    journey(*words, "email:2@example.com")


def test_books_of_events_that_were_erased_since_are_made_anew_by_the_command_that_is_told(journey, write):
    forgotten(journey, write, "forget")
    newest_emptied(journey.data, "deliveries", Random(1))
    journey("sql", "SELECT 1")
    (line,) = journey.errors.splitlines()
    assert line.startswith("journey: data was lost: deliveries lacks the books of")
    assert line.endswith(": run journey rebuild deliveries")
    assert "deliveries" in journey("rebuild")
    journey("rebuild", "--write-off")
    assert "all figures recompute" in journey("verify")
    assert journey.errors == ""


@pytest.mark.parametrize("kind", [pytest.param(newest_emptied, marks=pytest.mark.soak), all_gone])
def test_what_was_erased_on_purpose_is_not_asked_for_again_where_receipts_are_lost(journey, write, kind):
    forgotten(journey, write, "forget")
    kind(journey.data, "erasures", Random(1))
    journey("sql", "SELECT 1")
    assert "send nothing again before you know that" in journey.errors
    assert "sent again, they are taken" not in journey.errors
    journey("rebuild", "--write-off")
    assert "all figures recompute" in journey("verify")
    assert journey.errors == ""


@pytest.mark.parametrize("kind", [newest_emptied, pytest.param(all_gone, marks=pytest.mark.soak)])
def test_erased_handles_that_are_lost_are_told_on_every_opening_until_they_are_written_off(
    journey, write, kind
):
    forgotten(journey, write, "consent", "deny")
    journey("sql", "SELECT 1")
    assert journey.errors == ""
    kind(journey.data, "erased_handles", Random(1))
    for _ in range(2):
        journey("sql", "SELECT 1")
        (line,) = journey.errors.splitlines()
        assert "erased_handles lacks 1 handles that were erased" in line
        assert "denied consent, may be taken again: give those commands again" in line
    journey("consent", "deny", "email:2@example.com")
    journey("rebuild", "--write-off")
    journey("sql", "SELECT 1")
    assert journey.errors == ""
    assert journey.json("load", str(write(event(3, handles={"email": "2@example.com"}))))["accepted"] == 0


def test_a_damaged_part_of_any_table_is_told_on_every_opening(journey):
    journey("sql", "INSERT INTO targets (brand) VALUES ('x')")
    newest_emptied(journey.data, "targets", Random(1))
    for _ in range(2):
        journey("sql", "SELECT 1")
        (line,) = journey.errors.splitlines()
        assert line.startswith(
            "journey: a part of the table targets was damaged and is set aside (broken-on-start"
        )
        assert "set them again" in line
    journey("rebuild", "--write-off")
    journey("sql", "SELECT 1")
    assert journey.errors == ""
