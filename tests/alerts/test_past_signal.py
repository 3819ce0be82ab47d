"""The people of short periods, from touches that were read once, are those that a query for each of them counts."""

import random
import re
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest

from journey.alerts import Scope
from streams.alerts.counts import DIRECTIONS, Signal
from streams.alerts.past_signal import TAKES_BACK, PastSignal
from tests.alerts.world import MINUTE_US, World

DAY_US = 1440 * MINUTE_US
KINDS = {
    "social.share": "social.unshare",
    "web.review": "web.unreview",
    "social.comment": "social.uncomment",
    "social.like": "social.unlike",
}


@pytest.fixture(scope="module")
def world(clickhouse):
    """A day of touches, of which people take some back, at once or an hour later."""
    world, rng = World(clickhouse.database_with_tables()), random.Random(11)
    begin_us, rows = world.now_us - DAY_US, {}
    for handle in range(50_000, 50_120):
        kind, content, product = rng.choice(list(KINDS)), rng.choice("ab"), rng.choice(["", "shoe"])
        for _ in range(rng.choice([1, 1, 3])):
            at_us = begin_us + rng.randrange(DAY_US // 2)
            if handle % 2:  # who takes something back speaks in the second half of the day
                at_us += DAY_US // 2
                back_us = at_us + rng.choice([0, MINUTE_US, 60 * MINUTE_US])
                rows.setdefault((KINDS[kind], content, product), []).append((back_us, handle))
            rows.setdefault((kind, content, product), []).append((at_us, handle))
    for (kind, content, product), who in rows.items():
        mood = -0.8 if "comment" in kind else 0.5
        world.touch(*who, kind=kind, content=content, product=product, rating=5.0, sentiment=mood)
    yield world
    world.store.close()


def test_people_are_those_of_a_query_whatever_is_taken_back_in_and_after_a_period(world, monkeypatch):
    asked, counted = [], Signal.people
    monkeypatch.setattr(Signal, "people", lambda *period: asked.append(period) or counted(*period))
    past, rng = PastSignal(world.store), random.Random(5)
    past.counts(world.now_us - DAY_US, world.now_us + DAY_US, ["acme"])
    scopes = [Scope("brand", ""), Scope("content", "a"), Scope("product", "shoe"), Scope("channel", "social")]
    times, found = 120, 0
    for _ in range(times):
        since_us = world.now_us - rng.randrange(DAY_US)
        until_us = since_us + rng.choice([7, 90, 600]) * MINUTE_US
        period = ("acme", rng.choice(DIRECTIONS)), rng.choice(scopes), since_us, until_us
        expected = counted(past, *period)
        assert past.people(*period) == expected
        found += expected
    assert found > 100
    assert 30 < len(asked) < times - 30, "some are read, and some have to be asked for"


def test_a_period_that_is_not_in_the_counts_is_asked_for(world):
    past, plain = PastSignal(world.store), Signal(world.store)
    for period in ((-DAY_US, 0), (-5 * DAY_US, 0), (-MINUTE_US, 10 * MINUTE_US)):
        since_us, until_us = (world.now_us + each for each in period)
        past.counts(world.now_us - DAY_US // 2, world.now_us, ["acme"])
        those = ("acme", "for"), Scope("brand", ""), since_us, until_us
        assert past.people(*those) == plain.people(*those)


def test_what_is_read_ahead_changes_nothing_until_its_turn(world):
    past, plain = PastSignal(world.store), Signal(world.store)
    halves = [(world.now_us - DAY_US, world.now_us - DAY_US // 2), (world.now_us - DAY_US // 2, world.now_us)]
    those = ("acme", "for"), Scope("brand", "")
    period_us = (halves[0][0] + DAY_US // 8, halves[0][1])
    assert past.counts(*halves[0], ["acme"]) == plain.counts(*halves[0], ["acme"])
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(past.read, *halves[1], ["acme"])
        found = [past.people(*those, *period_us) for _ in range(3)]
        assert past.turn(reading.result()) == plain.counts(*halves[1], ["acme"])
    assert found == [plain.people(*those, *period_us)] * 3
    assert past.people(*those, *halves[1]) == plain.people(*those, *halves[1]) > 0


def test_what_takes_back_what_is_said_as_the_view_says_it():
    text = files("schemas").joinpath("migrations/0013_alerts.sql").read_text()
    pairs = re.search(r"map\(([^()]*)\) AS reversed", text)[1].replace("'", "").split(", ")
    assert dict(zip(pairs[::2], pairs[1::2], strict=True)) == TAKES_BACK
