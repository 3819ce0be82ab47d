"""In `journey up` an answer is written between two commands that change tables, or not at all."""

import threading

import pytest

from streams.audiences.members import HeldError
from streams.services.audiences import Between
from streams.services.long_work import LongWork
from tests.audiences.world import opened
from tests.fixtures.directories import with_tables


@pytest.fixture
def store(tmp_path):
    with opened(with_tables(tmp_path / "data")) as embedded:
        yield embedded.store


@pytest.fixture
def long(tmp_path):
    return LongWork(tmp_path, None, None, 1)  # type: ignore[arg-type] - only whose turn it is


def writing(between, store, stamp):
    with between.writing(store, stamp) as (_, number):
        return number


def test_nothing_is_asked_while_a_command_is_at_work(long, store):
    between = Between(long, lambda: "")
    with long.turn("journey forget"), pytest.raises(HeldError, match="journey forget is at work"):
        between.stamp(store)
    assert writing(between, store, between.stamp(store)) == 0


def test_an_answer_during_which_a_command_was_at_work_is_not_written(long, store):
    between = Between(long, lambda: "")
    stamp = between.stamp(store)
    with long.turn("journey rebuild"):
        pass
    with pytest.raises(HeldError, match="a command has changed tables meanwhile"):
        writing(between, store, stamp)
    assert writing(between, store, between.stamp(store)) == 0


def test_nothing_is_written_while_a_command_is_at_work(long, store):
    between = Between(long, lambda: "")
    stamp = between.stamp(store)
    with long.turn("journey forget"), pytest.raises(HeldError, match="journey forget is at work"):
        writing(between, store, stamp)


def test_a_command_waits_while_something_is_written(long, store):
    between, begun = Between(long, lambda: ""), threading.Event()

    def command():
        with long.turn("journey forget"):
            begun.set()

    with between.writing(store, between.stamp(store)):
        waiting = threading.Thread(target=command)
        waiting.start()
        assert not begun.wait(0.2)
    waiting.join(10)
    assert begun.is_set()


def test_nothing_is_asked_where_tables_have_lost_rows(long, store):
    with pytest.raises(HeldError, match="evidence has 1 touch"):
        Between(long, lambda: "data was lost: evidence has 1 touch of 2").stamp(store)
