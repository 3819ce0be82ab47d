"""Lost files (figure 13): a directory that lost something opens, says so, and a rebuild ends in the tables it had.

Every table, each kind of damage in turn; in `make soak` every table with every kind, under many seeds.
"""

import shutil
from pathlib import Path
from random import Random

import pytest

from streams.analysis.verify import mended_by, verify
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.rebuild import Order
from streams.store.port import LossError
from tests.faults.child import NOW_US, TABLES, as_stored, load_rest, tables
from tests.faults.comparison import assert_same, rounded
from tests.faults.lost import (
    BOOKS,
    FILES,
    FRAMES,
    MODEL,
    all_gone,
    any_flipped,
    delete_rows,
    newest_emptied,
    newest_zeroed,
    opened,
    parts_of,
    plain,
    unseen,
)
from tests.faults.runs import history

STOPPING = {"identity_links", "identity_map", "evidence"}


@pytest.fixture
def copy(whole, tmp_path):
    return Path(shutil.copytree(whole[0], tmp_path / "data", symlinks=True))


def mend(embedded, checks):
    """Make anew what verify names, and what the directory itself does."""
    names = mended_by(embedded, checks)
    embedded.rebuild(Order(names, NOW_US))
    embedded.tick()
    return names


CASES = [(table, FILES[number % len(FILES)], number) for number, table in enumerate((*FOLLOWING, *MODEL))] + [
    ("identity_map", newest_zeroed, 11),
    ("evidence", any_flipped, 12),
]  # each kind of damage in turn; every one of them in `make soak`


@pytest.mark.parametrize(("table", "kind", "seed"), CASES)
def test_a_part_that_was_lost_is_told_and_a_rebuild_ends_in_the_tables_of_a_directory_that_lost_nothing(
    table, kind, seed, whole, copy
):
    kind(copy, table, Random(seed))
    check_mended(table, whole, copy)


def check_mended(table, whole, copy):
    """Open a directory whose table is damaged, and mend it as it says."""
    with opened(copy) as embedded:
        checks = verify(embedded)
        if embedded.losses.found:
            assert f"{table} " in str(embedded.losses)
            assert "journey rebuild" in str(embedded.losses)
            assert table in mended_by(embedded, checks)
        if embedded.losses.stops:
            assert table in STOPPING
            with pytest.raises(LossError, match="nothing is processed until journey rebuild"):
                embedded.tick()
        if any(check.drift for check in checks):
            mend(embedded, checks)
        if table in MODEL:
            embedded.write_off()  # parts that were set aside: their rows are there again
        assert_same(plain(as_stored(embedded) | {"drift": []}), whole[1])
    with opened(copy) as embedded:
        assert not embedded.losses.found
        assert_same(plain(tables(embedded)), whole[1])


@pytest.mark.parametrize(
    "table", [*FOLLOWING[:2], *(pytest.param(table, marks=pytest.mark.soak) for table in FOLLOWING[2:])]
)
def test_rows_that_were_deleted_are_found_by_verify_and_made_anew(table, whole, copy):
    with opened(copy) as embedded:
        delete_rows(embedded, table, 0.0, seed=7)
    check_rows(whole, copy)


def check_rows(whole, copy):
    """Open a directory of whose tables rows were deleted, and mend it as verify says."""
    with opened(copy) as embedded:
        checks = verify(embedded)
        if any(check.drift for check in checks):
            assert mend(embedded, checks) != []
        assert_same(plain(tables(embedded)), whole[1])


def closed_in_order(data, table):
    """Have a mark of the files as they are without parts that would stand in for what is damaged."""
    parts_of(data, table)
    for _ in range(2):  # the first one counts, and cleans up after itself
        with opened(data):
            pass


def test_what_rots_after_a_close_in_order_is_found_by_the_first_query_that_fails(whole, copy):
    closed_in_order(copy, "identity_map")
    with unseen(copy):
        newest_zeroed(copy, "identity_map", Random(1))
    check_mended("identity_map", whole, copy)


def test_what_rots_and_is_not_read_at_the_opening_is_named_by_verify_and_mended_at_the_next(whole, copy):
    closed_in_order(copy, "model_weights")
    with unseen(copy):
        any_flipped(copy, "model_weights", Random(7))
    with opened(copy) as embedded:
        (files,) = (check for check in verify(embedded) if check.name == "files")
        assert [row["table"] for row in files.rows] == ["model_weights"]
    check_mended("model_weights", whole, copy)


@pytest.mark.parametrize("name", ["primary.cidx", "by_event.proj/data.bin"])
def test_interactions_whose_index_cannot_be_read_are_all_there(name, whole, copy):
    newest_zeroed(copy, "interactions", Random(1), name)
    with opened(copy) as embedded:
        assert embedded.warnings == [
            "an index of the table interactions was damaged, and is made anew from its rows: nothing is lost"
        ]
        assert not embedded.losses.found
        assert_same(plain(tables(embedded)), whole[1])


def test_rows_of_every_table_that_follows_lost_at_once_are_made_anew_in_one_go(whole, copy):
    for number, table in enumerate(FOLLOWING):
        FILES[number % 2](copy, table, Random(number))
    with opened(copy) as embedded:
        assert embedded.losses.stops
        embedded.rebuild(Order(FOLLOWING, NOW_US))
        assert_same(plain(tables(embedded)), whole[1])


@pytest.mark.parametrize("kind", [newest_emptied, newest_zeroed])
def test_interactions_that_were_lost_are_counted_and_the_rest_follows_from_what_is_there(kind, whole, copy):
    kind(copy, "interactions", Random(1))
    with opened(copy) as embedded:
        lost = embedded.losses.lost("interactions")
        there = embedded.store.rows("SELECT count() AS n FROM interactions")[0]["n"]
        assert there + lost == len(whole[1]["interactions"])
        assert lost > 0
        said = str(embedded.losses)
        assert f"interactions lacks {lost} events that were stored and cannot be rebuilt" in said
        assert "they came from file between" in said
        drift = {check.name for check in verify(embedded) if check.drift}
        assert {"files", "books", "evidence"} <= drift
        embedded.rebuild(Order(FOLLOWING, NOW_US))
        assert {check.name for check in verify(embedded) if check.drift} == {"files", "books"}
        lines = history(FRAMES).splitlines()
        frame = embedded.edge().pack(lines, topic="again", now_us=NOW_US)
        embedded.load([frame])  # what was lost is sent again, with all the rest
        found = plain(tables(embedded))
        for name in ("customers", "minute_counts", "identity_links", "stages"):
            assert found[name] == whole[1][name], name
        assert [rounded(row) for row in found["evidence"]] == whole[1]["evidence"]
        assert embedded.write_off() == (lost, 0)
        assert not any(check.drift for check in verify(embedded))


@pytest.mark.parametrize("table", ["deliveries", "dead_letters"])
def test_books_that_were_lost_are_entered_again_as_far_as_the_tables_tell(table, copy):
    newest_emptied(copy, table, Random(1))
    with opened(copy) as embedded:
        assert f"{table} lacks" in str(embedded.losses)
        assert not embedded.losses.stops
        assert "books" in {check.name for check in verify(embedded) if check.drift}
        if table == "deliveries":
            assert embedded.losses.command == "journey rebuild deliveries"
            mend(embedded, verify(embedded))
        embedded.write_off()
        assert not any(check.drift for check in verify(embedded))
        load_rest(embedded, history(FRAMES + 3).splitlines())
        assert not any(check.drift for check in verify(embedded))


def test_a_model_of_ones_own_that_was_lost_is_missed_and_nothing_goes_on_under_another(copy):
    from schemas.apath import default_model_text, parse_model  # noqa: PLC0415
    from streams.embedded import change_model  # noqa: PLC0415

    text = default_model_text().replace("threshold = 0.5", "threshold = 0.9")
    model = parse_model(text)
    with opened(copy) as embedded:
        change_model.apply(embedded, model, text)
        expected = plain(tables(embedded))
    all_gone(copy, "models", Random(1))
    with opened(copy) as embedded:
        assert f"the A-Path model that was in force ({model.hash}) is gone" in str(embedded.losses)
        with pytest.raises(LossError, match="journey model apply FILE"):
            embedded.tick()
        change_model.apply(embedded, model, text)
        assert_same(plain(tables(embedded)), expected, but="models")


def test_the_comparison_sees_a_table_that_is_not_made_anew(whole, copy):
    newest_emptied(copy, "minute_counts", Random(1))
    with opened(copy) as embedded, pytest.raises(AssertionError):
        assert_same(plain(tables(embedded)), whole[1])


def test_every_table_of_the_engine_is_among_those_that_are_damaged_here():
    assert {*FOLLOWING, *BOOKS, *MODEL} >= TABLES.keys() & {*FOLLOWING, *BOOKS, *MODEL}
