"""The labelled Twitter series: every method at one threshold for all, and ours with its settings shaken."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from journey.spikes import THRESHOLD, Detector, Policy
from tests import nab
from tests.benchmarks.spikes.alarms import alarms
from tests.benchmarks.spikes.methods import METHODS, Method

__all__ = ["run", "shaken"]

_WIDTH_S = 300.0
_STEPS = 120
_SHAKEN = (
    "alarms_per_month", "level_memory", "shift_ratio", "day_shrinkage", "week_shrinkage", "dispersion", "winsor",
    "tail", "tail_memory", "tail_prior", "excess_cap", "rest", "habit_memory", "habit_times", "habit_rarer",
)  # fmt: skip


def run() -> None:
    """Print a row per method: tuned on all five, leave one out, and each series."""
    print("\nlabelled series (Numenta benchmark, standard profile), one threshold for all of them")
    print(f"{'':34s} {'best':>6s} {'left out':>9s}  " + " ".join(f"{name:>6s}" for name in nab.NAMES))
    for name, method in METHODS.items():
        best, left_out, each = _swept(method)
        _row(name, best, left_out, each)
    scores = [_scores(name, Policy()) for name in nab.NAMES]
    rows = [nab.points(name, found) for name, found in zip(nab.NAMES, scores, strict=True)]
    each = [nab.total([one], THRESHOLD) for one in rows]
    _row("`journey spikes score`, as it is", nab.total(rows, THRESHOLD), None, each)
    gains = shaken(20)
    every = [_whole(gain.sum()) for gain in gains]
    print(
        f"every setting moved by up to 30 % at once, {len(every)} times: mean {np.mean(every):.1f}, "
        f"worst {min(every):.1f}; of these, each series with those that are best for the other four: "
        f"{_whole(_left_out(gains)):.1f}"
    )
    late = [score(Policy(), start) for start in (50, 150, 300, 500, 700)]
    print("begun 50, 150, 300, 500, 700 rows later: " + ", ".join(f"{value:.1f}" for value in late))
    thin = [score(Policy(), thinned=share) for share in (0.7, 0.5, 0.3)]
    print("of every count, 70, 50, 30 % kept: " + ", ".join(f"{value:.1f}" for value in thin))


def _row(name: str, best: float, left_out: float | None, each: Sequence[float]) -> None:
    left = "–" if left_out is None else f"{left_out:.1f}"
    print(f"{name:34s} {best:6.1f} {left:>9s}  " + " ".join(f"{value:6.1f}" for value in each))


def _times(name: str) -> list[float]:
    return [datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text in nab.series(name)[0]]


def _swept(method: Method) -> tuple[float, float, list[float]]:
    """Return the best score, the score with each series at the threshold best for the others, and each at the best."""
    evidences = [method(_times(name), nab.series(name)[1], _WIDTH_S) for name in nab.NAMES]
    # thresholds between one alarm in all and ten a day, evenly in rank
    pooled = np.sort(np.concatenate(evidences))[::-1]
    ranks = np.unique(np.geomspace(5, min(20_000, len(pooled) - 1), _STEPS).astype(int))
    gains = np.array(
        [[_gain(n, e, pooled[r]) for n, e in zip(nab.NAMES, evidences, strict=True)] for r in ranks]
    )
    windows = np.array([_windows(name) for name in nab.NAMES])
    best = int(np.argmax(gains.sum(1)))
    each = 100 * (gains[best] + windows) / (2 * windows)
    return _whole(gains[best].sum()), _whole(_left_out(gains)), list(each)


def _left_out(gains: NDArray[np.float64]) -> float:
    """Return the sum of each series' gain in the row that is best for the others."""
    return float(sum(gains[int(np.argmax(np.delete(gains, i, 1).sum(1))), i] for i in range(gains.shape[1])))


def _whole(gain: float) -> float:
    """Return the benchmark's score for what all series gain together."""
    windows = sum(_windows(name) for name in nab.NAMES)
    return float(100 * (gain + windows) / (2 * windows))


@cache
def _rewards(name: str) -> tuple[NDArray[np.float64], NDArray[np.intp], int]:
    """Return what an alarm earns in each row, the number of the window it lies in or -1, and how many windows there are."""
    counts = nab.series(name)[1]
    rows = nab.points(name, [0.0] * len(counts))
    windows = sorted({window for _, _, window in rows if window})
    probation = len(counts) - len(rows)  # there, alarms neither earn nor cost
    rewards = np.array([0.0] * probation + [reward for _, reward, _ in rows])
    numbers = np.array([-1] * probation + [windows.index(window) if window else -1 for _, _, window in rows])
    return rewards, numbers, len(windows)


def _windows(name: str) -> int:
    return _rewards(name)[2]


def _gain(name: str, evidence: Sequence[float], threshold: float, *, each: bool = False) -> float:
    """Return what a series adds to the benchmark's sum: the best alarm of each window, less what others cost.

    With `each`, every row at the threshold is an alarm.
    """
    rewards, numbers, windows = _rewards(name)
    hits = (
        np.flatnonzero(np.asarray(evidence) >= threshold) if each else alarms(evidence, threshold, _WIDTH_S)
    )
    gain = float(rewards[hits][numbers[hits] < 0].sum())
    for window in range(windows):
        inside = rewards[hits][numbers[hits] == window]
        gain += float(inside.max()) if len(inside) else -1.0
    return gain


def _scores(name: str, policy: Policy, start: int = 0, thinned: float = 1.0) -> list[float]:
    counts = np.asarray(nab.series(name)[1])
    if thinned < 1:
        counts = np.random.default_rng(1).binomial(counts.astype(int), thinned).astype(float)
    detector = Detector(timedelta(seconds=_WIDTH_S), policy)
    fed = zip(_times(name)[start:], counts.tolist()[start:], strict=True)
    return [0.0] * start + [detector.feed(int(at) * 1_000_000, count).score for at, count in fed]


def score(policy: Policy, start: int = 0, thinned: float = 1.0) -> float:
    """Return the benchmark's score of our detector at its own threshold."""
    found = [nab.points(name, _scores(name, policy, start, thinned)) for name in nab.NAMES]
    return nab.total(found, THRESHOLD)


def shaken(times: int, by: float = 0.3, seed: int = 1) -> NDArray[np.float64]:
    """Return each series' gain, a row for each time that every setting is multiplied by a number from 1 − by to 1 + by."""
    generator, usual = random.Random(seed), Policy()
    gains = []
    for _ in range(times):
        moved = {name: getattr(usual, name) * generator.uniform(1 - by, 1 + by) for name in _SHAKEN}
        scores = [_scores(name, replace(usual, **moved)) for name in nab.NAMES]
        gains.append(
            [_gain(name, found, THRESHOLD, each=True) for name, found in zip(nab.NAMES, scores, strict=True)]
        )
    return np.array(gains)
