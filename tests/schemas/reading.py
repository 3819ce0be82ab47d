"""What is true of a world of customers, read from its touches the slow and obvious way."""

import math
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise

import pytest

from journey.stage import STAGES

__all__ = [
    "CHANNELS",
    "DAY_US",
    "NAMES",
    "before_and_after_a_merge",
    "check_since",
    "check_standings",
    "close",
    "history",
    "in_force",
    "lapse",
    "revenue",
    "scores",
    "stage",
    "us",
]

DAY_US = 86_400_000_000
NAMES = ("none", "attention", "attraction", "affinity", "audience", "advocacy")
CHANNELS = ("social", "web", "store", "support", "direct", "other")


def us(moment):
    return None if moment is None else round(moment.timestamp() * 1_000_000)


def in_force(sql):
    return sql.replace("MODEL", "(SELECT model FROM model_in_force)")


def scores(world, touches, at_us, model):
    totals = [None] * 5
    for touch in touches:
        for stage, weight in world.weights(touch, model):
            faded = weight * math.exp2(-(at_us - touch.time_us) / model.stages[stage - 1].half_life_us)
            totals[stage - 1] = (totals[stage - 1] or 0) + faded
    return totals


def stage(world, touches, at_us, model):
    held = zip(scores(world, touches, at_us, model), model.stages, STAGES, strict=True)
    return max(
        (int(s) for score, policy, s in held if (score or 0) >= policy.threshold * (1 - 1e-9)), default=0
    )


def last_instant_at(world, touches, low_us, high_us, model):
    """Bisect for the last microsecond of the stage held at `low_us`; it is another one at `high_us`."""
    old = stage(world, touches, low_us, model)
    while high_us - low_us > 1:
        middle = (low_us + high_us) // 2
        low_us, high_us = (
            (middle, high_us) if stage(world, touches, middle, model) == old else (low_us, middle)
        )
    return low_us


def history(world, touches, at_us, model):
    """List (time, from, to, reason, types): each interaction's change, and between interactions the lapses."""
    touches = [t for t in touches if t.time_us <= at_us and any(True for _ in world.weights(t, model))]
    times = sorted({t.time_us for t in touches})
    found, current = [], 0
    for time_us, next_us in pairwise([*times, at_us]):
        known = [t for t in touches if t.time_us <= time_us]
        after = stage(world, known, time_us, model)
        if after != current:
            types = sorted({t.type for t in known if t.time_us == time_us})
            found.append((time_us, current, after, "evidence", types))
            current = after
        start = time_us
        while (later := stage(world, known, next_us, model)) != current:
            start = last_instant_at(world, known, start, next_us, model)
            lower = stage(world, known, start + 1, model)
            found.append((start, current, lower, "lapse", []))
            start, current = start + 1, lower
        assert later == current
    return found


def lapse(world, touches, at_us, model):
    """Return the last instant at which the stage of `at_us` is held if nothing more happens."""
    held = stage(world, touches, at_us, model)
    return last_instant_at(world, touches, at_us, at_us + 200 * 365 * DAY_US, model) if held else None


def check_standings(world, rows, at_us, model, rel=1e-9):
    expected = {
        key: known
        for key, touches in world.by_customer().items()
        if (known := [t for t in touches if t.time_us <= at_us])
    }
    assert {(row["brand"], row["customer"]) for row in rows} == expected.keys()
    assert len(rows) == len(expected)
    for row in rows:
        touches = expected[row["brand"], row["customer"]]
        assert row["stage"] == NAMES[stage(world, touches, at_us, model)]
        assert [row[name] for name in NAMES[1:]] == [
            None if score is None else pytest.approx(score, rel=rel, abs=1e-12)
            for score in scores(world, touches, at_us, model)
        ]
        assert close(us(row["lapses_at"]), lapse(world, touches, at_us, model))
        assert us(row["first_seen"]) == min(t.time_us for t in touches)
        assert us(row["last_seen"]) == max(t.time_us for t in touches)
        assert row["touches"] == len(touches)
        on = Counter(world.model.channel(t.type) for t in touches)
        assert [row[f"touches_{channel}"] for channel in CHANNELS] == [on[channel] for channel in CHANNELS]
        assert row["revenue"] == revenue(world, touches)
        assert row["handles"] == sorted(h for h, c in world.customer_of.items() if c == row["customer"])


def check_since(world, rows, at_us):
    touches = world.by_customer()
    for row in rows:
        changes = history(world, touches[row["brand"], row["customer"]], at_us, world.model)
        assert close(us(row["since"]), changes[-1][0] if changes else None)


def close(left_us, right_us):
    return left_us == right_us or (None not in (left_us, right_us) and abs(left_us - right_us) <= 5)


def revenue(world, touches):
    total = defaultdict(Decimal)
    for touch in touches:
        if world.revenue(touch):
            total[touch.currency] += world.revenue(touch)
    return {currency: amount for currency, amount in total.items() if amount}


def before_and_after_a_merge(crowd, check):
    """Check a view, have two customers become one, and check it again."""
    check(crowd)
    customers = sorted({customer for _, customer in crowd.by_customer()})
    crowd.merge(customers[0], customers[-1])
    check(crowd)
