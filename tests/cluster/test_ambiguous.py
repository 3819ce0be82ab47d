"""Figure 4: requests to ClickHouse whose answer nobody gets, or that arrive when nobody waits for them any more."""

import threading
from collections import Counter
from random import Random

import pytest

from tests.cluster.events import stream
from tests.cluster.proxy import Fate, Proxy
from tests.cluster.tables import assert_equal, expected

LATE = (
    "interactions",
    "evidence",
    "minute_counts",
    "identity_links",
    "identity_map",
    "stage_changes",
    "deliveries",
)


def at_random(seed: int, rate: float):
    """Return fates of requests, and a switch that ends them."""
    random, over = Random(seed), threading.Event()

    def fate(_request: str) -> Fate:
        if over.is_set() or random.random() >= rate:
            return Fate.PASS
        return random.choice([Fate.LOSE, Fate.CUT, Fate.CUT])

    return fate, over


@pytest.mark.parametrize("seed", [1])
def test_requests_and_answers_that_get_lost_change_nothing(deploy, tmp_path, seed):
    lines = stream(seed, customers=20)
    there = deploy(partitions=4)
    fate, over = at_random(seed, 0.08)
    with Proxy(there.settings.store, fate) as way:
        there.worker(JOURNEY_STORE=way.dsn)
        for first in range(0, len(lines), 40):
            there.publish(lines[first : first + 40], size=10, after=first)
        there.settle()
        over.set()
        assert_equal(there, expected(lines, tmp_path))
    print(f"seed {seed}: {Counter(fate.name for fate in way.fates)}")


@pytest.mark.parametrize("table", LATE)
def test_an_insert_that_arrives_after_its_worker_gave_it_up_adds_nothing(deploy, tmp_path, table):
    lines = stream(3, customers=10)
    there = deploy(partitions=2)
    hits = iter([True])

    def fate(request: str) -> Fate:
        return Fate.LATE if f"INSERT INTO {table} " in request and next(hits, False) else Fate.PASS

    with Proxy(there.settings.store, fate) as way:
        there.worker(JOURNEY_STORE=way.dsn)
        half = len(lines) // 2
        there.publish(lines[:half], size=20)
        there.publish(lines[half:], size=50, after=half)
        there.wait(way.held.is_set, "an insert to be given up")
        there.settle()
        way.release()
        there.wait(way.delivered.is_set, "it to arrive")
        assert_equal(there, expected(lines, tmp_path))
