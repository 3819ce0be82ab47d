"""Laws of the spike detector."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.spikes import THRESHOLD, Detector, Policy, Reading, Series, SeriesError

MINUTE, FIVE = timedelta(minutes=1), timedelta(minutes=5)
START_US = 1_760_000_000_000_000
WEEK_US = 7 * 86_400_000_000


def us(width):
    return width // timedelta(microseconds=1)


def run(detector, counts, width=FIVE, start_us=START_US):
    return [detector.feed(start_us + i * us(width), float(count)) for i, count in enumerate(counts)]


def quiet(days, rate, *, width=FIVE, seed=1, size=10.0):
    """Negative-binomial counts with `rate` a bucket."""
    rows = int(timedelta(days=days) / width)
    generator = np.random.default_rng(seed)
    return generator.poisson(rate * generator.gamma(size, 1 / size, rows))


def alarms(readings):
    return [i for i, reading in enumerate(readings) if reading.alarm]


PAST = run(seasoned := Detector(FIVE), quiet(10, 5))
SEASONED = seasoned.snapshot()


def after_ten_days() -> Detector:
    detector = Detector(FIVE)
    detector.restore(SEASONED)
    return detector


def next_us(rows=0):
    return START_US + (len(PAST) + rows) * us(FIVE)


@given(st.lists(st.integers(0, 300), max_size=20), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_higher_count_never_scores_lower(since, one, other):
    readings = []
    for count in sorted((one, other)):
        detector = after_ten_days()
        run(detector, since, start_us=next_us())
        readings.append(detector.feed(next_us(len(since)), count))
    low, high = readings
    assert low.score <= high.score
    assert low.probability >= high.probability
    assert low.expected == high.expected


@given(
    st.lists(st.floats(0, 1e15), min_size=1, max_size=60), st.sampled_from([MINUTE, FIVE, timedelta(hours=2)])
)
def test_whatever_is_counted_the_answer_is_a_score_and_an_expectation(counts, width):
    for reading in run(Detector(width, Policy(warm_up=timedelta(0))), counts, width):
        assert 0 <= reading.score <= 1
        assert 0 <= reading.probability <= 1
        assert reading.alarm == (reading.score >= THRESHOLD)
        assert reading.expected is None or 0 <= reading.expected < float("inf")


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40), st.integers(0, 39))
def test_a_restored_snapshot_goes_on_as_if_nothing_had_happened(counts, cut):
    whole, first, second = after_ten_days(), after_ten_days(), Detector(FIVE)
    expected = run(whole, counts, start_us=next_us())
    begun = run(first, counts[:cut], start_us=next_us())
    second.restore(first.snapshot())
    assert begun + run(second, counts[cut:], start_us=next_us(len(begun))) == expected
    assert second.snapshot() == whole.snapshot()


def test_a_snapshot_of_a_detector_that_saw_nothing_is_one_too():
    fresh = Detector(FIVE)
    fresh.restore(Detector(FIVE).snapshot())
    assert run(fresh, [1, 2, 3]) == run(Detector(FIVE), [1, 2, 3])


def test_a_snapshot_of_another_width_is_refused():
    with pytest.raises(SeriesError, match="numbers: must be"):
        Detector(timedelta(hours=1)).restore(SEASONED)


def test_the_state_is_as_large_after_a_month_as_at_the_start():
    detector = Detector(FIVE)
    at_start = len(detector.snapshot())
    run(detector, quiet(30, 3))
    assert len(detector.snapshot()) == at_start < 500


def test_a_series_that_starts_whole_weeks_later_reads_the_same():
    counts = quiet(9, 20, seed=3)
    early, late = (run(Detector(FIVE), counts, start_us=START_US + k * WEEK_US) for k in (0, 5))
    assert [r.score for r in early] == [r.score for r in late]
    assert [r.expected for r in early] == [r.expected for r in late]


def test_what_was_lost_before_the_memory_changes_little():
    counts = quiet(60, 20, seed=4)
    long, short = run(Detector(FIVE), counts), run(Detector(FIVE), counts[len(counts) // 2 :])
    expected = [(a.expected, b.expected) for a, b in zip(long[-288:], short[-288:], strict=True)]
    assert all(abs(a - b) < 0.1 * a for a, b in expected)


def test_nothing_for_a_month_scores_nothing_nor_does_the_first_person():
    readings = run(Detector(MINUTE), [0] * 43_200 + [1] + [0] * 60, MINUTE)
    assert {reading.score for reading in readings[:43_200]} == {0.0}
    assert not alarms(readings)


def test_thirty_people_after_a_month_of_nothing_are_one_alarm_at_once():
    readings = run(Detector(MINUTE), [0] * 43_200 + [3] * 10 + [0] * 600, MINUTE)
    (alarm,) = alarms(readings)
    assert 43_200 <= alarm <= 43_202


@pytest.mark.parametrize("rate", [0.5, 5, 500, 100_000, 1e9])
def test_a_burst_of_half_an_hour_is_one_alarm_whatever_the_base(rate):
    counts = quiet(12, rate)
    counts[3000:3006] += int(6 + 8 * rate)
    assert [at for at in alarms(run(Detector(FIVE), counts)) if 2990 < at < 3300] == [3000]


def test_a_long_swell_without_an_odd_bucket_is_an_alarm():
    counts = quiet(12, 20, seed=5)
    lift = np.concatenate([np.linspace(1, 3.5, 72), np.linspace(3.5, 1, 72)])
    counts[3000:3144] = np.random.default_rng(6).poisson(20 * lift)
    (alarm,) = [at for at in alarms(run(Detector(FIVE), counts)) if 3000 <= at < 3144]
    assert alarm < 3072
    assert len(alarms(run(Detector(FIVE), counts[:3000]))) <= 3


def test_a_gap_of_a_day_is_not_a_day_of_zeros():
    detector = after_ten_days()
    back = next_us(288)
    readings = [detector.feed(back + i * us(FIVE), count) for i, count in enumerate(quiet(0.5, 5, seed=8))]
    assert not alarms(readings)
    assert readings[0].expected == pytest.approx(after_ten_days().feed(back, 0).expected)
    assert 4 < readings[0].expected < 6


def test_a_new_level_is_one_alarm_and_then_the_level():
    counts = np.concatenate([quiet(14, 10, seed=9), quiet(21, 100, seed=10)])
    counts[-200:-194] += 1000
    readings = run(Detector(FIVE), counts)
    after = [at - 14 * 288 for at in alarms(readings) if at >= 14 * 288]
    assert after[0] <= 12
    assert after[-1] == 21 * 288 - 200
    assert len(after) <= 4
    assert readings[-300].expected == pytest.approx(100, rel=0.25)


def test_a_level_that_falls_is_no_alarm_and_is_learned_within_days():
    counts = np.concatenate([quiet(14, 200, seed=11), quiet(10, 10, seed=12)])
    counts[-200:-194] += 100
    readings = run(Detector(FIVE), counts)
    assert [at for at in alarms(readings) if at >= 14 * 288] == [24 * 288 - 200]


def test_monday_morning_wakes_nobody():
    rows = np.arange(42 * 288)
    hour, day = rows // 12 % 24, rows // 288 % 7
    rate = 20 * np.where((day < 5) & (hour >= 8) & (hour < 18), 5, 1)
    readings = run(Detector(FIVE), np.random.default_rng(13).poisson(rate), start_us=0)
    assert not [at for at in alarms(readings) if at >= 7 * 288]
    busy = [reading.expected for reading in readings[35 * 288 :] if reading.at_us // 3_600_000_000 % 24 == 12]
    assert np.median(busy) > 60


def test_one_person_fifty_times_is_the_callers_to_unite_but_one_bucket_alone_is_weighed_with_its_hour():
    once, lasting = after_ten_days(), after_ten_days()
    alone = once.feed(next_us(), 14)
    both = run(lasting, [14, 14], start_us=next_us())
    assert both[0] == alone
    assert both[1].probability < alone.probability


def test_an_event_has_one_alarm_and_is_over_once_its_series_is_at_rest():
    detector = after_ten_days()
    readings = run(detector, [100] * 12 + list(quiet(0.5, 5, seed=14)), start_us=next_us())
    assert alarms(readings) == [0]
    assert all(reading.score < THRESHOLD for reading in readings[1:])
    assert readings[50].under_way
    assert not readings[-1].under_way


def test_a_burst_on_the_next_day_is_an_alarm_of_its_own():
    calm = list(quiet(0.9, 5, seed=15))
    readings = run(after_ten_days(), [100] * 6 + calm + [100] * 6, start_us=next_us())
    assert alarms(readings) == [0, 6 + len(calm)]
    assert readings[6 + len(calm)].score > 0.6, "whatever was before"


def test_what_comes_at_the_same_hour_again_and_again_is_a_habit_and_what_is_far_rarer_is_none():
    counts = quiet(30, 5, seed=16)
    for day in range(4, 30, 2):
        counts[day * 288 + 100 : day * 288 + 104] += 100
    counts[27 * 288 + 200 : 27 * 288 + 204] += 100  # another hour
    found = {(at // 288, at % 288 // 50) for at in alarms(run(Detector(FIVE), counts, start_us=0))}
    assert {(4, 2), (6, 2), (27, 4)} <= found
    assert len([day for day, part in found if part == 2]) <= 4
    counts[28 * 288 + 100 : 28 * 288 + 104] += 30_000
    assert (28, 2) in {(at // 288, at % 288 // 50) for at in alarms(run(Detector(FIVE), counts, start_us=0))}


def test_more_alarms_allowed_are_a_higher_score_for_the_same_bucket():
    few, many = (Detector(FIVE, Policy(alarms_per_month=n)) for n in (1, 10))
    counts = quiet(10, 5)
    assert all(
        a.score <= b.score or b.under_way for a, b in zip(run(few, counts), run(many, counts), strict=True)
    )
    assert len(alarms(run(Detector(FIVE, Policy(alarms_per_month=1)), counts))) <= len(PAST)


@pytest.mark.parametrize("days", [1, 2])
def test_no_alarm_before_two_days_were_seen(days):
    counts = quiet(days, 5)
    counts[-80:-70] = 10_000
    assert not alarms(run(Detector(FIVE), counts))


@pytest.mark.parametrize(
    ("count", "why"), [(-1, "from 0"), (float("nan"), "from 0"), (float("inf"), "from 0")]
)
def test_what_is_no_count_is_refused(count, why):
    with pytest.raises(SeriesError, match=why):
        Detector(FIVE).feed(START_US, count)


@pytest.mark.parametrize("make", [lambda: Detector(FIVE), Series])
@pytest.mark.parametrize("step_us", [0, -1])
def test_a_bucket_that_is_not_after_the_last_is_refused_and_changes_nothing(make, step_us):
    series = make()
    series.feed(START_US, 1)
    with pytest.raises(SeriesError, match="not start after"):
        series.feed(START_US + step_us, 1)
    assert isinstance(series.feed(START_US + us(FIVE), 1), Reading)


@pytest.mark.parametrize(
    "wrong", [{"alarms_per_month": 0}, {"alarms_per_month": float("nan")}, {"tail": 1}, {"dispersion": 0.5}]
)
def test_a_policy_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Policy(**wrong)


@pytest.mark.parametrize(
    "width", [timedelta(seconds=10), MINUTE, FIVE, timedelta(hours=1), timedelta(days=1)]
)
def test_a_width_that_is_seen_gives_what_a_width_that_is_told_gives(width):
    counts = quiet(3, 5, width=min(width, FIVE))[:900]
    told, seen = run(Series(width), counts, width), run(Series(), counts, width)
    assert seen[12:] == told[12:]
    assert {reading.score for reading in seen[:12]} == {0.0}


def test_a_gap_among_the_first_buckets_does_not_hide_the_width():
    series = Series()
    for i in (0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13):
        series.feed(START_US + i * us(FIVE), 3)
    assert series.detector.width == FIVE


@pytest.mark.parametrize("span", [FIVE, timedelta(minutes=15), timedelta(hours=1)])
def test_quiet_counts_over_a_span_mostly_stay_where_they_usually_do_and_a_burst_does_not(span):
    detector, rows = after_ten_days(), span // FIVE
    readings = run(detector, quiet(3, 5, seed=2), start_us=next_us())
    blocks = [readings[i : i + rows] for i in range(0, len(readings), rows)]
    outside = 0
    for block in blocks:
        expected = sum(reading.expected for reading in block)
        low, high = detector.usual(expected, span)
        assert 0 <= low < expected < high < 5 * expected
        outside += not low <= sum(reading.count for reading in block) <= high
    assert outside <= 0.1 * len(blocks)


def test_a_span_shorter_than_a_bucket_is_taken_for_one():
    detector = after_ten_days()
    assert detector.usual(5, MINUTE) == detector.usual(5, FIVE)


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.sampled_from([0, 1, 1, 2, 40])), min_size=1, max_size=12),
    st.sampled_from([MINUTE, FIVE]),
    st.integers(-3, 3),
)
@settings(max_examples=40)  # each is up to sixty thousand buckets
def test_empty_buckets_taken_together_leave_the_state_that_they_leave_one_by_one(runs, width, start_hours):
    whole, single = Detector(width), Detector(width)
    at_us = start_hours * 3_600_000_000 - 7 * us(width)  # before 1970 too
    for zeros, count in runs:
        assert whole.feed(at_us, count) == single.feed(at_us, count)
        at_us, left = at_us + us(width), zeros
        while left and not whole.is_quiet:
            assert whole.feed(at_us, 0) == single.feed(at_us, 0)
            at_us, left = at_us + us(width), left - 1
        if left:
            expected = whole.feed_zeros(at_us, left)
            readings = [single.feed(at_us + n * us(width), 0) for n in range(left)]
            assert expected == [reading.expected for reading in readings]
            assert {reading.score for reading in readings} == {0.0}
            at_us += left * us(width)
        assert whole.snapshot() == single.snapshot()


def test_empty_buckets_are_taken_together_only_where_they_score_nothing():
    detector = after_ten_days()
    detector.feed(next_us(), 400)
    assert not detector.is_quiet
    with pytest.raises(SeriesError, match="not quiet"):
        detector.feed_zeros(next_us(1), 3)
    with pytest.raises(SeriesError, match="not quiet"):
        Detector(MINUTE).feed_zeros(START_US, 3)


def test_a_level_that_falls_away_is_learned_in_empty_buckets_taken_together():
    detector, single = after_ten_days(), after_ten_days()
    at_us = next_us()
    while not detector.is_quiet:
        detector.feed(at_us, 0)
        single.feed(at_us, 0)
        at_us += us(FIVE)
    days = 3 * 288
    detector.feed_zeros(at_us, days)
    run(single, [0] * days, start_us=at_us)
    assert detector.snapshot() == single.snapshot(), (
        "what is kept of tails is gone back to as the level shifts"
    )
