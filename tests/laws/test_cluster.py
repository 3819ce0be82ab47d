"""Laws 1 to 4 and 6 to 8 on several workers in a simulation, and the simulation tested by bugs that are planted."""

from itertools import chain

import pytest

from tests.laws.cluster import run, run_packed_wrong
from tests.laws.planted_workers import BUGS, SEEDS_THAT_CAUGHT

SEEDS = range(60)
MAX_SEEDS = 300


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_crashes_stands_still_or_takes_over_every_table_says_what_the_distinct_events_do(seed):
    run(seed)


@pytest.mark.parametrize("seed", SEEDS[:10])
def test_what_was_packed_for_another_number_of_partitions_is_sent_to_where_it_belongs(seed):
    run_packed_wrong(seed)


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name, monkeypatch):
    BUGS[name](monkeypatch)
    assert caught(SEEDS_THAT_CAUGHT.get(name, 0)) is not None


def caught(first: int) -> int | None:
    """Return a seed that fails, None when none does; `first` is tried first."""
    for seed in chain([first], range(MAX_SEEDS)):
        try:
            run(seed)
        except (AssertionError, IndexError, KeyError):
            return seed
    return None
