"""The Twitter volumes of the Numenta benchmark: one threshold, nothing chosen per series."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from journey.spikes import THRESHOLD, Detector, Policy
from tests import nab

pytestmark = pytest.mark.skipif(not nab.NAMES, reason="the benchmark's series are not beside the repository")


def scores(name, policy=None, start=0):
    """Score a series from one of its rows on; the rows before it, and a time that comes again, score 0."""
    times, counts = nab.series(name)
    at = [int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()) for time in times]
    detector = Detector(timedelta(seconds=min(b - a for a, b in pairwise(at) if b > a)), policy)
    found, last = [0.0] * start, 0
    for time, count in zip(at[start:], counts[start:], strict=True):
        found.append(detector.feed(time * 1_000_000, count).score if time > last else 0.0)
        last = time
    return found


def score(policy=None, start=0):
    return nab.total([nab.points(name, scores(name, policy, start)) for name in nab.NAMES], THRESHOLD)


@pytest.mark.parametrize("alarms", [4, 6])
def test_the_knob_may_be_turned_and_it_is_still_above_82(alarms):
    assert score(Policy(alarms_per_month=alarms)) >= 82


@pytest.mark.parametrize(
    "changed",
    [
        {"dispersion": 5.6, "level_memory": timedelta(days=9)},
        {"dispersion": 10.4, "tail": 0.0065},
        {"tail_memory": timedelta(days=13), "shift_ratio": 5.2},
    ],
    ids=str,
)
def test_no_setting_carries_it(changed):
    assert score(replace(Policy(), **changed)) >= 82


@pytest.mark.parametrize(("name", "least"), list(zip(nab.OTHERS, (85, 30, 85, 85), strict=False)))
def test_counts_of_other_kinds_are_judged_by_the_same_threshold(name, least):
    """Requests to a load balancer, taxi passengers by the half hour, occupancy of roads; passengers have holidays, not bursts."""
    assert nab.total([nab.points(name, scores(name))], THRESHOLD) >= least


def test_a_series_that_begins_a_few_hours_later_is_scored_about_as_well():
    assert score(start=50) >= 82
