"""Laws 1 to 4 and 6 to 8 on several workers in a simulation, and the simulation tested by bugs that are planted."""

import pytest

from tests.laws.cluster import run
from tests.laws.planted_workers import BUGS

SEEDS = range(60)
MAX_SEEDS = 300


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_crashes_stands_still_or_takes_over_every_table_says_what_the_distinct_events_do(seed):
    run(seed)


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name, monkeypatch):
    BUGS[name](monkeypatch)
    assert caught() is not None


def caught() -> int | None:
    """Return the first seed that fails, None when none does."""
    for seed in range(MAX_SEEDS):
        try:
            run(seed)
        except (AssertionError, IndexError, KeyError):
            return seed
    return None
