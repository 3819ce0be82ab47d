"""What the detector promises of quiet series, and what it finds in others; and that what it is compared with works."""

import numpy as np
import pytest

from journey.spikes import Policy
from tests.benchmarks.spikes.alarms import alarms, threshold_for
from tests.benchmarks.spikes.injected import own_alarms
from tests.benchmarks.spikes.kinds import judged
from tests.benchmarks.spikes.methods import METHODS, _upper_tail
from tests.benchmarks.spikes.simulator import Plan, Simulated, quiet, simulate
from tests.benchmarks.spikes.tried import TRIED
from tests.benchmarks.spikes.tried import alarms as tried_alarms

MONTH_DAYS, WARM_DAYS = 30, 7


def false_alarms(plan, seed):
    warm = WARM_DAYS * 86_400 // plan.width_s
    return sum(row >= warm for row in own_alarms(quiet(plan, seed)))


@pytest.mark.parametrize("dispersion", [0.0, 10.0, 2.0], ids=["poisson", "noisy", "very noisy"])
@pytest.mark.parametrize("rhythm", [0.0, 0.8])
def test_quiet_months_of_any_base_rate_have_no_more_alarms_than_allowed(dispersion, rhythm):
    rates = (0.002, 0.1, 2.0, 30.0, 1000.0, 100_000.0)
    counted = [false_alarms(Plan(rate, rhythm, dispersion), seed) for seed, rate in enumerate(rates)]
    assert np.mean(counted) <= Policy().alarms_per_month
    assert max(counted) <= 2 * Policy().alarms_per_month


@pytest.mark.parametrize("width_s", [60, 900, 3600])
def test_buckets_of_a_minute_or_an_hour_hold_the_rate_too(width_s):
    plans = [Plan(rate, 0.4, 10.0, width_s) for rate in (0.05, 20.0)]
    assert np.mean([false_alarms(plan, 5) for plan in plans]) <= Policy().alarms_per_month


@pytest.mark.parametrize("rate", [2.0, 30.0, 1000.0])
def test_an_hour_of_nine_times_the_usual_is_found_within_half_an_hour(rate):
    series = simulate(Plan(rate, rhythm=0.5), size=8, length_s=3600, seed=2)
    rows = own_alarms(series)
    delays = [next((row - begin for row in rows if begin <= row < end), None) for begin, end in series.spikes]
    hits = [delay for delay in delays if delay is not None]
    assert len(delays) >= 4
    assert len(hits) >= 0.7 * len(delays)
    assert np.median(hits) * series.width_s <= 1800


@pytest.mark.parametrize(
    ("kind", "found", "false_a_month"),
    [
        ("a habit of mornings", 1.0, 3),
        ("bursts on days running", 0.9, 1),
        ("a swell over hours", 0.9, 1),
        ("the first week of a brand", 0.0, 1),
    ],
)
def test_what_a_series_is_used_to_alarms_nobody_and_what_it_is_not_does(kind, found, false_a_month):
    one = judged(kind, own_alarms)
    assert one.found >= found * one.spikes
    assert one.false_a_month <= false_a_month


def test_the_same_seed_is_the_same_series_and_another_is_another():
    plan = Plan(5.0, rhythm=0.5)
    one, same, other = (simulate(plan, 4, 3600, seed) for seed in (1, 1, 2))
    assert (one.counts == same.counts).all()
    assert one.spikes == same.spikes
    assert (one.counts != other.counts).any()


def test_a_spike_adds_what_was_asked_for():
    plan = Plan(1000.0, dispersion=0.0)
    series = simulate(plan, size=3, length_s=3600, seed=3)
    begin, end = series.spikes[0]  # a step
    assert series.counts[begin:end].mean() == pytest.approx(4000, rel=0.05)
    assert series.counts[begin - 50 : begin].mean() == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_that_is_compared_sees_a_plain_burst_and_uses_nothing_after_a_row(name):
    counts = np.random.default_rng(4).poisson(10, 9 * 288).astype(float)
    counts[8 * 288 : 8 * 288 + 6] += 150
    times = np.arange(len(counts)) * 300.0
    evidence = METHODS[name](times.tolist(), counts.tolist(), 300.0)
    assert 8 * 288 <= 288 + int(np.argmax(evidence[288:])) < 8 * 288 + 12
    cut = METHODS[name](times[:2400].tolist(), counts[:2400].tolist(), 300.0)
    assert np.allclose(cut, evidence[:2400])


@pytest.mark.parametrize("name", TRIED)
def test_what_was_tried_besides_sees_a_plain_burst_too_and_uses_nothing_after_a_row(name):
    counts = np.random.default_rng(4).poisson(10, 9 * 288)
    counts[8 * 288 : 8 * 288 + 12] += 150
    series = Simulated(np.arange(len(counts)) * 300, counts, (), 300)
    evidence = TRIED[name](series)
    assert 8 * 288 <= 288 + int(np.argmax(evidence[288:])) < 8 * 288 + 24
    cut = TRIED[name](Simulated(series.times_s[:2400], counts[:2400], (), 300))
    assert np.allclose(cut, evidence[:2400])


def test_the_detector_as_it_is_gives_the_same_alarms_as_what_was_tried_is_judged_by():
    series = simulate(Plan(30.0, rhythm=0.5), size=8, length_s=3600, seed=2)
    found = tried_alarms(TRIED["as it is"](series), series, 0.0)
    assert found == own_alarms(series)
    assert found


@pytest.mark.parametrize("count", [1, 7, 40])
def test_the_negative_binomial_tail_is_the_sum_of_its_terms(count):
    size, mean = 8, 12.0
    p, term, below = mean / (mean + size), (size / (mean + size)) ** size, 0.0
    for k in range(count):
        below += term
        term *= p * (k + size) / (k + 1)
    assert _upper_tail(count, mean, size) == pytest.approx(1 - below, rel=1e-6)


def test_a_day_of_alarming_rows_is_one_alarm():
    evidence = np.zeros(1000)
    evidence[[10, 11, 200, 600]] = 5
    assert alarms(evidence, 5, 300).tolist() == [10, 600]
    assert alarms(evidence, 6, 300).tolist() == []


def test_the_threshold_for_a_rate_gives_no_more_than_the_rate():
    noise = [np.random.default_rng(seed).exponential(size=37 * 288) for seed in range(6)]
    threshold = threshold_for(4, noise, 300)
    counted = [len(alarms(one[7 * 288 :], threshold, 300)) for one in noise]
    assert 3 <= np.mean(counted) <= 4
