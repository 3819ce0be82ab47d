"""Figure 4: requests to ClickHouse whose answer nobody gets, or that arrive when nobody waits for them any more."""

import re
from collections import Counter

import pytest

from streams.edge.readable import ReadableKey, Sealing
from streams.settings import ReadableKinds
from streams.store.port import TABLES
from tests.real_workers.counted import counted
from tests.real_workers.events import stream
from tests.real_workers.proxy import AtRandom, Fate, Proxy
from tests.real_workers.tables import assert_equal, expected

_LANES, _TRIES = 3, 3  # each has a connection, whose client asks so often


class FirstInserts:
    """Leaves a worker that begins without answers, then lets the first insert into each table arrive late."""

    def __init__(self) -> None:
        self.waiting = set(TABLES)
        self.unanswered = _LANES * _TRIES

    def __call__(self, request: str) -> Fate:
        if self.unanswered and "FROM models" in request:
            self.unanswered -= 1
            return Fate.LOSE
        for table in tuple(self.waiting):
            if f"INSERT INTO {table} " in request:
                self.waiting.remove(table)
                return Fate.LATE
        return Fate.PASS


def lost_at_random(
    there, folder, seed: int, *, customers: int = 20, share: float = 0.08, at_once: int = 40
) -> None:
    """Publish little by little while a worker's requests and their answers get lost; then compare."""
    lines, fates = stream(seed, customers=customers), AtRandom(seed, share)
    with Proxy(there.settings.store, fates) as way:
        there.worker(JOURNEY_STORE=way.dsn)
        for first in range(0, len(lines), at_once):
            there.publish(lines[first : first + at_once], size=10, after=first)
        there.settle(300)
        fates.over.set()
        assert_equal(there, expected(lines, folder))
    told = {Fate.LOSE: "request lost", Fate.CUT: "answer cut off"}
    print(counted(seed, there, Counter(told[fate] for fate in way.fates if fate in told)))


@pytest.mark.parametrize("seed", [1])
def test_requests_and_answers_that_get_lost_change_nothing(deploy, tmp_path, seed):
    lost_at_random(deploy(partitions=4), tmp_path, seed)


def test_a_worker_begins_once_it_is_answered_and_inserts_that_arrive_after_they_were_given_up_add_nothing(
    deploy, tmp_path
):
    lines, fates = stream(3, customers=20), FirstInserts()
    half = len(lines) // 2
    bought = next(line for line in lines[:half] if b'"amount": ' in line)
    lines.append(
        re.sub(rb'"amount": [\d.]+', b'"amount": 98765.4', bought)
    )  # the same event, with another amount
    there = deploy(partitions=2)
    there.sealing = Sealing(ReadableKinds(("email", "cookie")), ReadableKey(bytes(32)))
    with Proxy(there.settings.store, fates) as way:
        there.worker(JOURNEY_STORE=way.dsn)
        there.publish(lines[:half], size=20)
        there.settle()
        there.publish(lines[half:], size=50, after=half)
        there.settle()
        assert not fates.waiting
        assert not fates.unanswered
        way.release()
        there.wait(lambda: way.delivered == len(TABLES), "all of them to arrive")
        assert_equal(there, expected(lines, tmp_path))
