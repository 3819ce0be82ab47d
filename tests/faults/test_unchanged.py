"""What tables have lost is counted where something may have been lost: not after an end in order with the same files."""

import os
import shutil
from pathlib import Path
from random import Random

import pytest

from streams.recovery import losses
from streams.recovery.clean_close import state_of
from tests.faults.lost import newest_emptied, opened, parts_of


@pytest.fixture
def data(whole, tmp_path):
    """A directory that was closed in order."""
    copy = Path(shutil.copytree(whole[0], tmp_path / "data", symlinks=True))
    opened(copy).close()
    return copy


@pytest.fixture
def counted(monkeypatch):
    """Return how often losses were counted."""
    times, original = [], losses.find
    monkeypatch.setattr(losses, "find", lambda *given: times.append(1) or original(*given))
    return times


def test_a_directory_that_was_closed_in_order_is_not_counted_again(data, counted):
    for _ in range(2):
        with opened(data) as embedded:
            assert not embedded.losses.found
    assert counted == []


@pytest.mark.parametrize(
    "harm", [newest_emptied, lambda data, table, _: os.utime(next(parts_of(data, table)[0].iterdir()))]
)
def test_any_other_file_has_it_counted(data, counted, harm):
    harm(data, "evidence", Random(1))
    opened(data).close()
    assert counted == [1]


def test_without_an_end_in_order_it_is_counted(data, counted):
    (data / "whole").unlink()
    opened(data).close()
    opened(data).close()
    assert counted == [1]


def test_what_sql_took_away_is_told_by_the_next_command(data, counted):
    with opened(data) as embedded:
        embedded.doubt()
        embedded.store.raw(
            "ALTER TABLE evidence DELETE WHERE handle % 2 = 0 SETTINGS mutations_sync = 2", "TSV"
        )
    for _ in range(2):  # and by the one after that
        with opened(data) as embedded:
            assert [loss.table for loss in embedded.losses.found] == ["evidence"]
    assert counted == [1, 1]


def test_a_state_is_told_by_names_sizes_and_times_wherever_the_directory_lies(data, tmp_path, monkeypatch):
    before = state_of(data)
    moved = data.rename(tmp_path / "moved")
    assert state_of(moved) == before
    monkeypatch.chdir(tmp_path)
    assert state_of(Path("moved")) == before
    (moved / "clickhouse" / "more").touch()
    assert state_of(moved) != before
