"""Computes decaying evidence: weights to sums, sums to scores, scores to stages and the instant of lapse.

With a fixed epoch T0, an interaction at t with weight w adds ``w * 2**((t - T0) / h)`` to a plain sum E, and
``score(now) = E * 2**(-(now - T0) / h)``. Sums commute, so late, reordered and re-batched events give the same
evidence, and two handles found to be one customer are merged by adding. NaN means "no evidence": its own
value, never 0.0. Times are int64 microseconds since 1970, UTC.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journey.model import Model, Range, Rule
from journey.stage import STAGES

__all__ = [
    "EPOCH_US",
    "LATEST_US",
    "NEVER",
    "TOLERANCE",
    "Touches",
    "add_evidence",
    "lapse_us",
    "score",
    "stage_at",
    "sum_by_group",
    "weigh",
]

EPOCH_US = 1_735_689_600_000_000  # T0: 2025-01-01T00:00:00Z
LATEST_US = 10_413_791_999_000_000  # 2299-12-31T23:59:59Z, as late as tables can say: what lapses later is given as this
NEVER = np.iinfo(np.int64).min  # a lapse before all time: the stage is not held
TOLERANCE = 1e-9  # relative; a sum of 0.5 + 0.5 reaches a threshold of 1 whatever rounding did

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Touches:
    """Interactions as columns of one length. `type` holds codes into `types`; NaN is an absent value."""

    time_us: Ints
    type: NDArray[np.int32]
    types: tuple[str, ...]
    rating: Floats
    sentiment: Floats
    amount: Floats


def weigh(touches: Touches, model: Model) -> Floats:
    """Return what each touch adds to each stage's sum: shape (touches, 5), NaN where it is no evidence."""
    sums = np.full((len(touches.time_us), len(STAGES)), np.nan)
    for code, event_type in enumerate(touches.types):
        rules = model.rules_for(event_type)
        if not rules:
            continue
        rows = np.flatnonzero(touches.type == code)
        for rule in rules:
            hit = rows[_matches(rule, touches, rows)]
            column = rule.stage - 1
            sums[hit, column] = add_evidence(
                sums[hit, column],
                rule.weight * _growth(touches.time_us[hit], model.stages[column].half_life_us),
            )
    return sums


def _matches(rule: Rule, touches: Touches, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    ok = np.ones(len(rows), dtype=bool)
    conditions: tuple[tuple[Range, Floats], ...] = (
        (rule.rating, touches.rating),
        (rule.sentiment, touches.sentiment),
        (rule.amount, touches.amount),
    )
    for limits, values in conditions:
        if limits.asks:
            ok &= (values[rows] >= limits.low) & (values[rows] <= limits.high)  # NaN fails both
    if (mood := rule.mood) is not None:
        negative = (touches.sentiment[rows] <= mood.sentiment) | (touches.rating[rows] <= mood.rating)
        ok &= negative == mood.negative  # NaN is not negative
    return ok


def _growth(time_us: Ints, half_life_us: int) -> Floats:
    return np.exp2((time_us - EPOCH_US).astype(np.float64) / half_life_us)


def add_evidence(left: Floats, right: Floats) -> Floats:
    """Add sums of equal shape; NaN is the neutral element, so NaN + NaN stays "no evidence"."""
    total: Floats = np.nansum([left, right], axis=0)
    total[np.isnan(left) & np.isnan(right)] = np.nan
    return total


def sum_by_group(sums: Floats, group: NDArray[np.integer], groups: int) -> Floats:
    """Add the rows of each group: shape (groups, 5). A group with no evidence for a stage has NaN there."""
    total = np.full((groups, sums.shape[1]), np.nan)
    for column in range(sums.shape[1]):
        values = sums[:, column]
        present = ~np.isnan(values)
        where = group[present]
        added = np.bincount(where, weights=values[present], minlength=groups)
        seen = np.bincount(where, minlength=groups) > 0
        total[seen, column] = added[seen]
    return total


def score(sums: Floats, now_us: int | Ints, model: Model) -> Floats:
    """Return the scores at `now_us`, in the model's weights: shape as `sums`, NaN where there is no evidence."""
    half_lives = np.array([policy.half_life_us for policy in model.stages], dtype=np.float64)
    age = np.asarray(now_us - EPOCH_US, dtype=np.float64)
    return np.asarray(sums * np.exp2(-np.expand_dims(age, -1) / half_lives))


def lapse_us(sums: Floats, model: Model) -> Ints:
    """Return, per row and stage, the last instant at which the score reaches the threshold; NEVER if it does not.

    Solves ``E * 2**(-(t - T0) / h) = threshold`` for t. Holds until the next interaction.
    """
    lapses = np.full(sums.shape, NEVER, dtype=np.int64)
    for column, policy in enumerate(model.stages):
        held = sums[:, column] > 0  # NaN is not
        ratio = sums[held, column] / (policy.threshold * (1 - TOLERANCE))
        grown = np.floor(policy.half_life_us * np.log2(ratio))
        lapses[held, column] = EPOCH_US + np.minimum(grown, LATEST_US - EPOCH_US).astype(np.int64)
    return lapses


def stage_at(lapses: Ints, now_us: int | Ints) -> NDArray[np.int8]:
    """Return the stage of each row at `now_us`: the highest that has not lapsed, 0 for none."""
    held = lapses >= np.expand_dims(np.asarray(now_us), -1)
    highest = len(STAGES) - np.argmax(held[:, ::-1], axis=1)
    return np.where(held.any(axis=1), highest, 0).astype(np.int8)
