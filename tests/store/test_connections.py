"""Which answers of before will do, and that nobody asks what is being asked."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from streams.store.connections import CachedAnswer, ConnectionPool, Want

NOW = datetime(2026, 10, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("version", "age_s", "oldest_s", "stale_s", "will_do"),
    [
        ("now", 0, 0, 0, True),
        ("now", 30, 30, 0, True),
        ("now", 31, 30, 0, False),
        ("before", 0, 30, 0, False),  # of other tables, though within the second
        ("before", 119, 30, 120, True),
        ("before", 120, 30, 120, False),
    ],
)
def test_an_answer_will_do_while_it_is_of_these_tables_or_a_stale_one_is_wanted(
    version, age_s, oldest_s, stale_s, will_do
):
    want = Want("now", NOW, oldest_s=oldest_s, stale_s=stale_s)
    assert want.takes(CachedAnswer(version, NOW - timedelta(seconds=age_s), "answer")) is will_do


class Question:
    """Work that waits until it is let on, and counts how often it is done."""

    def __init__(self, error=None):
        self.error, self.done, self.on = error, 0, threading.Event()

    def __call__(self, _store):
        assert self.on.wait(10)
        self.done += 1
        if self.error:
            raise self.error
        return self.done


def asked(question, *wants, leaves=()):
    """Ask one after the other while nothing is answered, let some leave, and return what the others are told."""

    async def ask():
        connections = ConnectionPool(FakeStore)
        tasks = [asyncio.create_task(connections.kept("key", want, question)) for want in wants]
        await asyncio.sleep(0.05)
        for number in leaves:
            tasks[number].cancel()
        await asyncio.sleep(0)
        question.on.set()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        connections.close()
        return [answer for number, answer in enumerate(told) if number not in leaves]

    return asyncio.run(ask())


class FakeStore:
    """What is opened for a thread, and closed after a failure."""

    def close(self):
        pass


def test_who_wants_what_is_being_asked_waits_for_that_answer():
    question, want = Question(), Want("now", NOW, oldest_s=30)
    told = asked(question, want, want, Want("now", NOW + timedelta(seconds=20), oldest_s=30))
    assert [kept.answer for kept in told] == [1, 1, 1]


def test_what_is_being_asked_will_not_do_for_other_tables_or_another_time():
    question = Question()
    later = Want("now", NOW + timedelta(seconds=31), oldest_s=30)
    told = asked(question, Want("now", NOW, oldest_s=30), Want("then", NOW, oldest_s=30), later)
    assert sorted(kept.answer for kept in told) == [1, 2, 3]


def test_a_question_is_answered_though_who_asked_first_has_gone():
    question, want = Question(), Want("now", NOW, oldest_s=30)
    assert [kept.answer for kept in asked(question, want, want, leaves=(0,))] == [1]


def test_a_failure_is_told_to_all_who_wait():
    question, want = Question(ValueError("no")), Want("now", NOW, oldest_s=30)
    assert [str(error) for error in asked(question, want, want)] == ["no", "no"]
    assert question.done == 1
