"""A pool of threads: what goes on past its limit is ended, what does not end is given up, and others go on."""

import asyncio
import re
import threading
import time
from functools import partial

import pytest

from streams.process.degraded import Degraded
from streams.process.stuck_threads import STUCK
from streams.store import pool
from streams.store.calls import Limits, OverloadedError, StuckError
from streams.store.pool import Pool
from tests.fixtures.servers.process import wait_until

LIMITS = Limits(threads=1, spare=1, waiting=3, run_s=0.05)


class Call:
    """Work that goes on until it is let end, as a query that is not interrupted."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.may_end.wait(20)
        return "ended"


class Ending:
    """Notes what it is told, and ends calls that listen to it."""

    def __init__(self, *listening: Call) -> None:
        self.listening, self.ended, self.demoted = listening, [], []

    def end(self, mark: str) -> None:
        self.ended.append(mark)
        for call in self.listening:
            call.may_end.set()

    def demote(self, mark: str) -> None:
        self.demoted.append(mark)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(pool, "_LONG_S", 0.05)
    monkeypatch.setattr(pool, "_CROWDED_S", 0.1)
    monkeypatch.setattr(pool, "_LATE_S", 0.05)
    monkeypatch.setattr(pool, "_GRACE_S", 0.2)
    monkeypatch.setattr(pool, "_LOOK_S", 0.02)


@pytest.fixture
def opened():
    """Pools that are closed at the end, and calls that are let end."""
    pools, calls = [], []

    def make(ending=None, limits=LIMITS, leaving=lambda: None):
        pools.append(Pool("test", "the test", limits, ending or Ending(), leaving))
        return pools[-1]

    def call():
        calls.append(Call())
        return calls[-1]

    make.call = call
    yield make
    for one in calls:
        one.may_end.set()
    for one in pools:
        one.close()
    wait_until(lambda: not STUCK.sentences(), 10, "every thread to end", every_s=0.01)


def test_what_ends_when_it_is_told_to_is_told_so_once_its_time_is_over_and_its_thread_is_not_used_again(
    opened,
):
    call, names = opened.call(), []
    ending = Ending(call)
    asked = opened(ending)
    assert asked.submit(call).result(10) == "ended"
    asked.submit(lambda: names.append(threading.current_thread().name)).result(10)
    assert len(ending.ended) == 1
    assert ending.ended != names  # what comes next must not be met by an order for what was before
    assert STUCK.sentences() == []


def test_what_does_not_end_is_given_up_and_others_go_on(opened):
    ending, call = Ending(), opened.call()
    asked = opened(ending)
    answer = asked.submit(call, "SELECT this")
    with pytest.raises(StuckError, match="cannot be interrupted"):
        answer.result(10)
    assert asked.submit(lambda: "other").result(10) == "other"
    (sentence,) = STUCK.sentences()
    assert sentence.startswith("a query of the test (SELECT this) runs since 2")
    wait_until(lambda: ending.demoted, 10, "its priority to be lowered", every_s=0.01)
    assert set(ending.demoted) == set(ending.ended)
    with pytest.raises(OverloadedError, match="it still runs: change it"):
        asked.submit(call, "SELECT this")
    call.may_end.set()
    wait_until(lambda: not STUCK.sentences(), 10, "the thread to end", every_s=0.01)
    assert asked.submit(call, "SELECT this").result(10) == "ended"


def test_where_every_thread_is_stuck_who_asks_and_who_waits_is_told(opened):
    calls = [opened.call() for _ in range(2)]
    asked = opened()
    stuck = []
    for call in calls:
        stuck.append(asked.submit(call))
        assert call.began.wait(10)
        waiting = asked.submit(lambda: "waits")
        with pytest.raises(StuckError):
            stuck[-1].result(10)
        if call is calls[0]:
            assert waiting.result(10) == "waits"
    with pytest.raises(OverloadedError, match="hold every thread"):
        waiting.result(10)
    with pytest.raises(OverloadedError, match="2 queries cannot be interrupted"):
        asked.submit(lambda: "no")
    calls[0].may_end.set()
    wait_until(lambda: len(STUCK.sentences()) == 1, 10, "a thread to end", every_s=0.01)
    assert asked.submit(lambda: "again").result(10) == "again"


def test_more_than_may_wait_are_refused(opened):
    call = opened.call()
    asked = opened(limits=Limits(1, 1, 3, None))
    answers = [asked.submit(call) for _ in range(3)]
    with pytest.raises(OverloadedError, match="3 queries are under way"):
        asked.submit(call)
    call.may_end.set()
    assert [answer.result(10) for answer in answers] == ["ended"] * 3


@pytest.fixture
def degraded():
    told = Degraded()
    STUCK.tell(told)
    yield told
    STUCK.tell(Degraded())


def threads_of_pools():
    return [one.name for one in threading.enumerate() if re.fullmatch(r"test-\d+", one.name)]


def test_a_short_call_gets_past_long_ones_up_to_a_bound_which_is_said(opened, degraded):
    asked = opened(limits=Limits(threads=2, spare=4, waiting=8, run_s=60, more=4))
    calls = [opened.call() for _ in range(6)]
    long = [asked.submit(call) for call in calls[:4]]
    assert asked.submit(lambda: "short").result(10) == "short"
    assert not any(answer.done() for answer in long)
    assert degraded.sentences() == []
    for call in calls[4:]:
        long.append(asked.submit(call))
        assert call.began.wait(10)
    waiting = asked.submit(lambda: "waits")
    wait_until(degraded.sentences, 10, "the bound to be said", every_s=0.01)
    said = "all 6 threads for queries of the test are taken: "
    assert degraded.sentences()[0].startswith(said)
    assert len(threads_of_pools()) == 6
    assert not waiting.done()
    for call in calls:
        call.may_end.set()
    assert waiting.result(10) == "waits"
    wait_until(lambda: not degraded.sentences(), 10, "the bound to be forgotten", every_s=0.01)
    wait_until(lambda: len(threads_of_pools()) <= 2, 10, "further threads to end", every_s=0.01)
    assert [answer.result(10) for answer in long] == ["ended"] * 6


def test_threads_that_are_stuck_count_among_all_and_each_has_a_place_of_its_own(opened):
    asked = opened(limits=Limits(threads=1, spare=2, waiting=8, run_s=0.05, more=2))
    places, calls = [], [opened.call() for _ in range(3)]

    def held(call):
        places.append(threading.current_thread().place)
        return call()

    for answer in [asked.submit(partial(held, call)) for call in calls]:
        with pytest.raises(StuckError):
            answer.result(10)
    assert sorted(places) == [0, 1, 2]
    with pytest.raises(OverloadedError, match="3 queries cannot be interrupted"):
        asked.submit(lambda: "no")


def test_without_further_threads_calls_wait_for_long_ones(opened):
    asked, call = opened(limits=Limits(1, 1, 3, 60)), opened.call()
    running, waiting = asked.submit(call), asked.submit(lambda: "waits")
    time.sleep(0.5)
    assert not waiting.done()
    call.may_end.set()
    assert (running.result(10), waiting.result(10)) == ("ended", "waits")


def test_more_calls_that_wait_than_run_are_said(opened, degraded, monkeypatch):
    monkeypatch.setattr(pool, "_LONG_S", 60)
    asked, call = opened(limits=Limits(1, 1, 9, 60, more=1)), opened.call()
    answers = [asked.submit(call), *(asked.submit(lambda: "waits") for _ in range(2))]
    wait_until(degraded.sentences, 10, "it to be said", every_s=0.01)
    assert degraded.sentences() == ["2 queries of the test wait, and 1 run"]
    call.may_end.set()
    assert [answer.result(10) for answer in answers] == ["ended", "waits", "waits"]
    wait_until(lambda: not degraded.sentences(), 10, "it to be forgotten", every_s=0.01)


def test_who_stops_waiting_has_it_ended(opened):
    call = opened.call()
    ending = Ending(call)
    asked = opened(ending, Limits(1, 1, 3, 60))

    async def leave():
        waiting = asyncio.ensure_future(asked.run(call))
        await asyncio.to_thread(call.began.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(leave())
    wait_until(lambda: ending.ended, 10, "the order to end", every_s=0.01)
    assert asked.submit(lambda: "next").result(10) == "next"


def test_a_change_has_no_limit_and_is_waited_for_at_the_end(opened):
    call, left = opened.call(), []
    ending = Ending()
    asked = opened(ending, Limits(1, 1, 3, None), lambda: left.append(threading.current_thread().name))
    answer = asked.submit(call)
    assert call.began.wait(10)
    threading.Timer(0.5, call.may_end.set).start()
    asked.close(wait_s=10)
    assert answer.result(0) == "ended"
    assert ending.ended == []
    assert len(left) == 1


def test_the_end_waits_for_nothing_that_is_stuck_and_tells_who_waits(opened):
    call = opened.call()
    asked = opened(limits=Limits(1, 1, 3, 60))
    running, waiting = asked.submit(call), asked.submit(lambda: "waits")
    assert call.began.wait(10)
    asked.end()
    for answer in (running, waiting):
        with pytest.raises(OverloadedError, match="is ending"):
            answer.result(10)
    asked.close(wait_s=0.1)
    assert len(STUCK.sentences()) == 1
    with pytest.raises(OverloadedError, match="is ending"):
        asked.submit(lambda: "late")
