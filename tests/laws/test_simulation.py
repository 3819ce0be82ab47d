"""Laws 1 to 4 and 6 to 8 in a simulation (design, §6): the history and the faults of a number are always the same."""

import pytest

from tests.laws.simulation import run, run_in_another_order

SEEDS = range(48)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_crashes_fails_or_repeats_every_table_says_what_the_distinct_events_do(seed):
    run(seed)


@pytest.mark.parametrize("seed", SEEDS[::3])
def test_any_order_and_cut_gives_what_the_distinct_events_do(seed):
    run_in_another_order(seed)
