"""Evidence against the sum that the design writes down, computed term by term."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.evidence import (
    EPOCH_US,
    NEVER,
    TOLERANCE,
    Touches,
    add_evidence,
    lapse_us,
    score,
    stage_at,
    sum_by_group,
    weigh,
)
from journey.model import Model, Range, Rule, StagePolicy
from journey.stage import STAGES, Stage

DAY_US = 86_400_000_000
HALF_LIFE_US = 30 * DAY_US


def model(*rules, threshold=1.0):
    stages = tuple(StagePolicy(HALF_LIFE_US * (1 + i), threshold) for i in range(len(STAGES)))
    return Model("m", stages, rules, {}, {})


def touches(*rows):
    """Return touches from (type, time[, rating[, sentiment[, amount]]])."""
    types = tuple(sorted({row[0] for row in rows}))
    values = [[row[i] if len(row) > i else math.nan for row in rows] for i in (2, 3, 4)]
    return Touches(
        np.array([row[1] for row in rows], np.int64),
        np.array([types.index(row[0]) for row in rows], np.int32),
        types,
        *(np.array(column, np.float64) for column in values),
    )


def total(rows, weighing):
    sums = weigh(touches(*rows), weighing)
    return sum_by_group(sums, np.zeros(len(rows), np.int64), 1)


times = st.integers(EPOCH_US - 3000 * DAY_US, EPOCH_US + 3000 * DAY_US)
weights = st.sampled_from([-2.0, -0.5, 0.2, 0.5, 1.0, 1.5])
RULES = {weight: f"web.w{i}" for i, weight in enumerate([-2.0, -0.5, 0.2, 0.5, 1.0, 1.5])}
MODEL = model(*(Rule(name, Stage.ATTENTION, weight) for weight, name in RULES.items()))


@given(st.lists(st.tuples(weights, times), min_size=1, max_size=12), times)
def test_a_score_is_the_sum_of_weights_halved_once_a_half_life(history, now_us):
    sums = total([(RULES[weight], at_us) for weight, at_us in history], MODEL)
    terms = [weight * 2 ** ((at_us - now_us) / HALF_LIFE_US) for weight, at_us in history]
    found = score(sums, now_us, MODEL)[0, 0]
    assert abs(found - math.fsum(terms)) <= 1e-9 * math.fsum(map(abs, terms))


@given(st.lists(st.tuples(weights, times), min_size=1, max_size=12), st.data())
def test_order_and_cut_do_not_matter(history, data):
    rows = [(RULES[weight], at_us) for weight, at_us in history]
    other = data.draw(st.permutations(rows))
    at = data.draw(st.integers(0, len(rows)))
    none = np.full((1, len(STAGES)), np.nan)
    parts = [total(part, MODEL) if part else none for part in (other[:at], other[at:])]
    size = math.fsum(abs(w) * 2 ** ((at_us - EPOCH_US) / HALF_LIFE_US) for w, at_us in history)
    assert abs(add_evidence(*parts) - total(rows, MODEL))[0, 0] <= 1e-9 * size


@given(st.floats(1e-3, 1e6), times, st.floats(1e-2, 100))
def test_a_stage_is_held_at_its_lapse_and_not_a_millisecond_later(weight, at_us, threshold):
    policy = model(Rule("web.x", Stage.ATTENTION, weight), threshold=threshold)
    lapses = lapse_us(total([("web.x", at_us)], policy), policy)
    lapse = int(lapses[0, 0])

    def needed(now_us):
        return threshold * (1 - TOLERANCE) * 2 ** ((now_us - at_us) / HALF_LIFE_US)

    assert weight >= needed(lapse) * (1 - 1e-13)
    assert weight < needed(lapse + 1000)
    assert stage_at(lapses, lapse).tolist() == [Stage.ATTENTION]
    assert stage_at(lapses, lapse + 1).tolist() == [Stage.NONE]


@pytest.mark.parametrize("sum_", [math.nan, 0.0, -1.0])
def test_without_positive_evidence_a_stage_was_never_held(sum_):
    assert (lapse_us(np.full((1, len(STAGES)), sum_), MODEL) == NEVER).all()


def test_half_and_half_reach_a_threshold_of_one_at_that_instant():
    rows = [("web.w3", EPOCH_US + 777 * DAY_US)] * 2
    lapses = lapse_us(total(rows, MODEL), MODEL)
    assert stage_at(lapses, EPOCH_US + 777 * DAY_US).tolist() == [Stage.ATTENTION]


def test_a_negative_weight_takes_evidence_away_and_leaves_zero_not_nothing():
    rows = [("web.w4", EPOCH_US), ("web.w1", EPOCH_US), ("web.w1", EPOCH_US)]
    sums = total(rows, MODEL)
    assert sums[0, 0] == 0.0
    assert np.isnan(sums[0, 1:]).all()


@given(st.lists(st.sampled_from([math.nan, 0.0, -1.0, 2.0]), min_size=3, max_size=3))
def test_no_evidence_is_neutral_and_stays_itself(values):
    a, b, c = (np.array([[value]]) for value in values)
    left, right = add_evidence(add_evidence(a, b), c), add_evidence(a, add_evidence(c, b))
    assert np.array_equal(left, right, equal_nan=True)
    assert np.isnan(left).all() == all(map(math.isnan, values))


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([math.nan, -1.0, 0.0, 2.0]))))
def test_groups_are_summed_as_a_dictionary_would(rows):
    expected = {}
    for group, value in rows:
        if not math.isnan(value):
            expected[group] = expected.get(group, 0.0) + value
    values = np.array([[value] for _, value in rows]).reshape(-1, 1)
    found = sum_by_group(values, np.array([group for group, _ in rows], np.int64), 4)
    assert {i: v for i, (v,) in enumerate(found) if not math.isnan(v)} == expected


@pytest.mark.parametrize(
    ("rating", "counts"), [(3.9, False), (4.0, True), (5.0, True), (5.1, False), (math.nan, False)]
)
def test_a_condition_is_inclusive_and_an_absent_value_fails_it(rating, counts):
    asking = model(Rule("web.review", Stage.ADVOCACY, 1.5, rating=Range(4.0, 5.0)))
    assert np.isnan(total([("web.review", EPOCH_US, rating)], asking)[0, 4]) != counts


@pytest.mark.parametrize("column", ["sentiment", "amount"])
def test_conditions_read_their_own_column(column):
    asking = model(Rule("web.x", Stage.AFFINITY, 1.0, **{column: Range(low=0.5)}))
    row = {"sentiment": ("web.x", EPOCH_US, 0.0, 0.9, 0.0), "amount": ("web.x", EPOCH_US, 0.0, 0.0, 0.9)}
    assert total([row[column]], asking)[0, 2] == 1.0
    other = row["amount" if column == "sentiment" else "sentiment"]
    assert np.isnan(total([other], asking)[0, 2])


def test_every_rule_that_matches_counts_exact_names_and_verbs_of_any_area():
    both = model(Rule("web.purchase", Stage.AFFINITY, 1.0), Rule("*.purchase", Stage.AFFINITY, 0.5))
    assert total([("web.purchase", EPOCH_US)], both)[0, 2] == 1.5
    assert total([("store.purchase", EPOCH_US)], both)[0, 2] == 0.5
    assert np.isnan(total([("web.repurchase", EPOCH_US)], both)).all()


def test_the_highest_stage_counts_even_where_a_lower_one_is_not_held():
    skipping = model(Rule("social.share", Stage.ADVOCACY, 1.0))
    lapses = lapse_us(total([("social.share", EPOCH_US)], skipping), skipping)
    assert stage_at(lapses, EPOCH_US).tolist() == [Stage.ADVOCACY]
