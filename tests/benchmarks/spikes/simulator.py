"""Seeded series of counts with known spikes: base rate, rhythm, noise, and each spike's size, length and shape."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHAPES", "Plan", "Simulated", "profile", "quiet", "simulate"]

SHAPES = ("step", "ramp", "decay")
_DAY_S = 86_400
_HOUR_S = 3600


@dataclass(frozen=True)
class Plan:
    """A kind of series. `rate` is the mean count of a bucket; `dispersion` is the negative-binomial size, 0 for Poisson."""

    rate: float
    rhythm: float = 0.0
    dispersion: float = 10.0
    width_s: int = 300
    days: int = 37


@dataclass(frozen=True)
class Simulated:
    """A series and its spikes, as rows [begin, end)."""

    times_s: NDArray[np.int64]
    counts: NDArray[np.int64]
    spikes: tuple[tuple[int, int], ...]
    width_s: int


def _rate(plan: Plan) -> NDArray[np.float64]:
    """Return the mean of each bucket: a day's wave, weaker weekends."""
    times = np.arange(plan.days * _DAY_S // plan.width_s) * plan.width_s
    wave = np.sin(2 * np.pi * (times / _HOUR_S - 9) / 24)
    weekend = times // _DAY_S % 7 >= 5
    return np.asarray(plan.rate * np.exp(plan.rhythm * (wave - 0.7 * weekend)))


def _draw(rate: NDArray[np.float64], plan: Plan, seed: int) -> NDArray[np.int64]:
    generator = np.random.default_rng([seed, 1])
    if plan.dispersion:
        rate = rate * generator.gamma(plan.dispersion, 1 / plan.dispersion, len(rate))
    return generator.poisson(rate)


def quiet(plan: Plan, seed: int) -> Simulated:
    """Return a series without spikes."""
    counts = _draw(_rate(plan), plan, seed)
    return Simulated(np.arange(len(counts)) * plan.width_s, counts, (), plan.width_s)


def profile(shape: str, rows: int) -> NDArray[np.float64]:
    """Return the height of a spike over its rows, 1 at most."""
    if shape == "step":
        return np.ones(rows)
    if shape == "ramp":
        return np.linspace(1 / rows, 1, rows)
    return np.exp(-np.arange(rows) / max(1, rows / 2.5))


def simulate(plan: Plan, size: float, length_s: int, seed: int, *, first_day: int = 7) -> Simulated:
    """Return a series with a spike every four to six days after the first days, of all shapes in turn.

    At its height a spike adds `size` times the mean count of that time of day, so that 1 is a doubling.
    """
    generator = np.random.default_rng([seed, 2])
    rate, rows = _rate(plan), max(1, length_s // plan.width_s)
    at, spikes = first_day * _DAY_S // plan.width_s, []
    lifted = rate.copy()
    while True:
        at += int(generator.uniform(4, 6) * _DAY_S / plan.width_s)
        if at + rows >= len(rate):
            break
        lifted[at : at + rows] += (
            size * rate[at : at + rows] * profile(SHAPES[len(spikes) % len(SHAPES)], rows)
        )
        spikes.append((at, at + rows))
    counts = _draw(lifted, plan, seed)
    return Simulated(np.arange(len(counts)) * plan.width_s, counts, tuple(spikes), plan.width_s)
