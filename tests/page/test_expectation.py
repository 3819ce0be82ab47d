"""The band is the detector's own, step by step, and nothing is expected before a day was seen."""

from datetime import timedelta

import numpy as np
import pytest

from journey.spikes import Detector, Policy
from streams.page.expectation import Steps, expectation

DAY_S, START_S = 86_400, 1_760_000_400
MOST_SHOWN = 360


def heard(days, *, step_s=60, rate=0.05, burst_at=None):
    """People of each step that has any, over quiet days; sixty at once at `burst_at`."""
    counts = np.random.default_rng(7).poisson(rate, days * DAY_S // step_s)
    found = {START_S + n * step_s: int(count) for n, count in enumerate(counts) if count}
    return found | ({burst_at: 60} if burst_at else {})


def buckets(counts, steps, days, **more):
    span = {"first_s": START_S, "since_s": START_S, "until_s": START_S + days * DAY_S} | more
    return list(expectation(counts, steps, policy=Policy(), **span))


def test_each_bucket_adds_up_what_the_detector_says_of_its_steps():
    counts, steps = heard(3), Steps(60, 900)
    detector, expected, people = Detector(timedelta(minutes=1)), {}, {}
    for at_s in range(START_S, START_S + 3 * DAY_S, 60):
        bucket = at_s // 900 * 900
        reading = detector.feed(at_s * 1_000_000, counts.get(at_s, 0))
        expected[bucket] = expected.get(bucket, 0.0) + (reading.expected or 0.0)
        people[bucket] = people.get(bucket, 0) + counts.get(at_s, 0)
    found = buckets(counts, steps, 3)
    assert {each.at_s: each.people for each in found} == people
    warm = [each for each in found if each.expected is not None]
    assert [each.expected for each in warm] == pytest.approx([expected[each.at_s] for each in warm])
    assert {each.at_s - START_S >= 2 * DAY_S for each in warm} == {True}
    assert len(warm) == pytest.approx(DAY_S / 900, abs=1)
    assert all(0 <= each.low <= each.expected <= each.high for each in warm)


def test_what_is_learned_before_the_period_is_not_shown_and_changes_nothing_in_it():
    counts, steps = heard(3), Steps(60, 900)
    whole = buckets(counts, steps, 3)
    last = buckets(counts, steps, 3, since_s=START_S + 2 * DAY_S)
    assert last == [each for each in whole if each.at_s + 900 > START_S + 2 * DAY_S]


def test_a_burst_stands_above_the_band_and_begins_a_spike():
    burst_s = START_S + 2 * DAY_S + 36_000
    found = buckets(heard(3, burst_at=burst_s), Steps(60, 900), 3)
    [spike] = [each for each in found if each.alarm]
    assert spike.at_s <= burst_s < spike.at_s + 900
    assert spike.people > spike.high
    quiet = [each for each in found if each.high is not None and each is not spike]
    assert sum(each.people > each.high for each in quiet) < 0.05 * len(quiet)


@pytest.mark.parametrize("days", [1, 3, 30, 365, 3650])
def test_work_and_points_are_bounded_however_long_the_period(days):
    steps = Steps.of(shown=timedelta(days=days), learned=timedelta(days=8))
    assert (days + 8) * DAY_S / steps.step_s <= 25_000
    assert days * DAY_S / steps.shown_s <= max(MOST_SHOWN, days / 7 + 1)
    assert steps.shown_s % steps.step_s == 0
