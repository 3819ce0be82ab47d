"""A rebuild is exact: after kills at each of its writes, beside a batch that was cut short, and after what people change."""

import os
import shutil
from pathlib import Path
from random import Random

import pytest

from schemas.apath import default_model_text, parse_model
from streams.embedded import change_model
from streams.embedded.forget import forget
from streams.embedded.rotate import rotate
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.rebuild import BESIDE, Order
from streams.settings import Settings
from tests.faults.child import NOW_US, load_rest, tables
from tests.faults.comparison import assert_same
from tests.faults.lost import FRAMES, newest_emptied, newest_gone, opened, parts_of, plain
from tests.faults.runs import history, run
from tests.privacy.people import identifier


@pytest.fixture
def copy(whole, tmp_path):
    return Path(shutil.copytree(whole[0], tmp_path / "data", symlinks=True))


@pytest.fixture
def undisturbed(whole):
    return whole[1]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "events.ndjson"
    path.write_bytes(history(FRAMES))
    return path


def beside(embedded) -> list[str]:
    return [row["name"] for row in embedded.store.rows("SHOW TABLES") if row["name"].startswith(BESIDE)]


def test_killed_at_each_of_its_writes_the_old_table_or_the_new_one_is_there_and_again_it_is_finished(
    copy, undisturbed
):
    for table in ("identity_links", "evidence"):
        newest_emptied(copy, table, Random(1))
    hits = (
        ("rebuild.create.before", 1), ("rebuild.create.after", 2), ("rebuild.fill.before", 2), ("rebuild.fill.after", 4),
        ("rebuild.switch.before", 1), ("rebuild.switch.after", 3), ("rebuild.clear.before", 1), ("rebuild.clear.after", 2),
    )  # fmt: skip
    for armed in hits:
        assert run("rebuild", copy, arm=armed) is None, f"{armed} was not passed"
    assert_same(run("rebuild", copy), undisturbed)
    with opened(copy) as embedded:
        assert beside(embedded) == []


def test_killed_at_the_books_they_are_entered_once(copy, undisturbed):
    newest_gone(copy, "deliveries", Random(1))
    for point in ("rebuild.books.before", "rebuild.books.after"):
        assert run("rebuild", copy, arm=[point, 1]) is None, f"{point} was not passed"
    assert_same(run("rebuild", copy), undisturbed, but="deliveries")


@pytest.mark.parametrize(
    "point",
    [
        "insert.interactions.after",  # before evidence has it
        "insert.evidence.after",
        pytest.param("insert.identity_links.after", marks=pytest.mark.soak),
        pytest.param("insert.deliveries.after", marks=pytest.mark.soak),
    ],
)
def test_a_batch_that_was_cut_short_is_processed_once_after_a_rebuild(point, tmp_path, file, undisturbed):
    data = tmp_path / "data"
    assert run("load", data, input=file, arm=[point, 5]) is None
    newest_emptied(data, "evidence", Random(1))
    with opened(data) as embedded:
        # Where the newest part is that of this very batch, nothing was lost that the log does not have.
        assert embedded.losses.found or embedded.log.last == embedded.log.committed
        embedded.rebuild(Order(FOLLOWING, NOW_US))
        assert embedded.log.last == embedded.log.committed
        load_rest(embedded, file.read_bytes().splitlines())
        assert_same(plain(tables(embedded)), undisturbed)


def test_killed_while_a_log_is_salvaged_it_is_salvaged_once(copy, file, undisturbed):
    log = copy / "log.sqlite"
    os.truncate(log, log.stat().st_size // 2)
    for point in ("log.salvage.before", "log.salvage.after", "log.replace.before"):
        assert run("load", copy, input=file, arm=[point, 1]) is None, f"{point} was not passed"
    found = run("load", copy, input=file)
    assert_same(found, undisturbed)
    assert list(copy.glob("log.damaged-*.sqlite"))


def test_erasures_a_changed_model_and_another_key_hold_after_it(copy):
    text = (
        default_model_text()
        .replace("threshold = 0.5", "threshold = 0.9")
        .replace("weight = 1.5", "weight = 1.75")
    )
    with opened(copy) as embedded:
        forget(embedded, identifier("email", "p7@example.org"))
        change_model.apply(embedded, parse_model(text), text)
    successor = Settings(copy, handle_key=bytes(range(32)) + bytes(range(100, 132)))
    from streams.embedded.embedded import Embedded  # noqa: PLC0415

    with Embedded(successor, clock=lambda: NOW_US) as embedded:
        rotate(embedded)
        expected = plain(tables(embedded))
        marks = embedded.store.watermarks()
        embedded.rebuild(Order(FOLLOWING, NOW_US))
        embedded.tick()
        assert_same(plain(tables(embedded)), expected)
        for table in ("evidence", "minute_counts"):
            assert embedded.store.watermarks()[table] == marks[table]


def test_a_large_history_is_made_anew_slice_by_slice(copy, undisturbed, monkeypatch):
    monkeypatch.setattr("streams.store.slices.SLICE_ROWS", 40)
    told = []
    with opened(copy) as embedded:
        embedded.rebuild(Order(FOLLOWING, NOW_US, tell=lambda *at: told.append(at)))
        embedded.tick()
        assert_same(plain(tables(embedded)), undisturbed)
    assert max(count for _, _, count in told) > 3


def test_what_is_stopped_between_two_slices_leaves_the_tables_in_use(copy, undisturbed, monkeypatch):
    monkeypatch.setattr("streams.store.slices.SLICE_ROWS", 40)
    calls = iter(range(9))

    def check():
        if next(calls, None) is None:
            raise KeyboardInterrupt

    with opened(copy) as embedded:
        with pytest.raises(KeyboardInterrupt):
            embedded.rebuild(Order(FOLLOWING, NOW_US, check=check))
        assert beside(embedded) == []
        assert_same(plain(tables(embedded)), undisturbed)


def test_a_dry_run_counts_and_changes_nothing(copy):
    before = [part.name for part in parts_of(copy, "evidence")]
    with opened(copy) as embedded:
        done = embedded.rebuild(Order(FOLLOWING, NOW_US, dry_run=True))
        assert [one.table for one in done] == list(FOLLOWING)
        assert all(one.before == one.after for one in done if one.table != "stage_changes")
        assert beside(embedded) == []
    assert [part.name for part in parts_of(copy, "evidence")] == before
