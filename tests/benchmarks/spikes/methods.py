"""The methods that are compared: each gives one number a bucket, online, the higher the more of a spike."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from math import asinh, exp, lgamma, log, log1p, sqrt

import numpy as np

from journey.spikes import Detector, Policy

__all__ = ["METHODS", "Method"]

Method = Callable[[Sequence[float], Sequence[float], float], list[float]]
"""Times in seconds, counts, width of a bucket in seconds → evidence of each bucket."""

_HOUR_S, _DAY_S, _WEEK_S = 3600, 86_400, 604_800
_FLOOR = 1e-300


def ours(times: Sequence[float], counts: Sequence[float], width_s: float) -> list[float]:
    """The detector of journey.spikes, before its rule of one alarm an event: −log10 p."""
    detector = Detector(timedelta(seconds=width_s), Policy())
    readings = (detector.feed(int(at * 1_000_000), n) for at, n in zip(times, counts, strict=True))
    return [-log(max(reading.probability, _FLOOR)) / log(10) for reading in readings]


def gamma_poisson(times: Sequence[float], counts: Sequence[float], width_s: float) -> list[float]:
    """Negative-binomial predictive of a Gamma-Poisson rate with forgetting, factors per hour of the week: −log10 tail."""
    fade, size = exp(-width_s / _WEEK_S), 8.0
    seen, exposure = 0.0, 0.0
    hour_seen, hour_exposure = [3.0] * 168, [3.0] * 168
    found = []
    for at, count in zip(times, counts, strict=True):
        hour = int(at // _HOUR_S) % 168
        factor = hour_seen[hour] / hour_exposure[hour]
        mean = (seen + 0.5) / (exposure + 0.5) * factor if exposure else count
        found.append(-log(max(_upper_tail(count, mean, size), _FLOOR)) / log(10))
        seen, exposure = seen * fade + count, exposure * fade + factor
        hour_seen[hour] = hour_seen[hour] * 0.995 + count / max(seen / exposure, 1e-9)
        hour_exposure[hour] = hour_exposure[hour] * 0.995 + 1
    return found


def _upper_tail(count: float, mean: float, size: float) -> float:
    """P(X ≥ count) of a negative binomial: the regularised incomplete beta function (Numerical Recipes, 6.4)."""
    if count <= 0 or mean <= 0:
        return 1.0 if count <= 0 else _FLOOR
    a, b, x = count, size, mean / (mean + size)
    front = exp(min(0.0, lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)))
    if x < (a + 1) / (a + b + 2):
        return min(1.0, front * _fraction(a, b, x) / a)
    return max(0.0, 1 - front * _fraction(b, a, 1 - x) / b)


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, 300):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _nonzero(1 + numerator * d)
            c = _nonzero(1 + numerator / c)
            h *= d * c
        if abs(d * c - 1) < 1e-10:
            break
    return h


def _nonzero(value: float) -> float:
    return value if abs(value) > 1e-30 else 1e-30


def scan(times: Sequence[float], counts: Sequence[float], width_s: float) -> list[float]:
    """Kulldorff's Poisson scan: the highest likelihood ratio of all windows up to an hour, against a faded hour of the week."""
    fade, most = exp(-width_s / _WEEK_S), max(1, round(_HOUR_S / width_s))
    level, weight, factors, visits = 0.0, 0.0, [1.0] * 168, [0] * 168
    recent: list[tuple[float, float]] = []
    found = []
    for at, count in zip(times, counts, strict=True):
        hour = int(at // _HOUR_S) % 168
        mean = (level / weight if weight else count) * factors[hour]
        recent = [*recent[-(most - 1) :], (count, mean)] if most > 1 else [(count, mean)]
        best = seen = expected = 0.0
        for one, other in reversed(recent):
            seen, expected = seen + one, expected + max(other, 1e-3)
            if seen > expected:
                best = max(best, seen * log(seen / expected) - seen + expected)
        found.append(best)
        level, weight = level * fade + count, weight * fade + factors[hour]
        visits[hour] += 1
        step = max(0.005, 1 / (visits[hour] + 20))
        factors[hour] += step * (min(count / max(level / weight, 1e-9), 20) - factors[hour])
    return found


def bocpd(times: Sequence[float], counts: Sequence[float], width_s: float, longest: int = 300) -> list[float]:
    """Bayesian online change point (Adams and MacKay 2007): −log10 of how likely so high a count was under what ran before.

    Counts on Anscombe's scale, unknown mean and variance; run lengths beyond `longest` are one.
    """
    hazard = width_s / (3 * _DAY_S)
    size = np.arange(longest)
    shape, weight = 1 + size / 2, 1 + size
    gamma = np.array([lgamma(a + 0.5) - lgamma(a) for a in shape])
    mean, rate, run = np.zeros(longest), np.ones(longest), np.zeros(longest)
    run[0] = 1.0
    found = []
    for i, count in enumerate(counts):
        x = 2 * asinh(sqrt(count + 0.375))
        if i == 0:
            mean[:] = x
        scale = rate * (weight + 1) / (shape * weight)
        t = (x - mean) / np.sqrt(scale)
        density = np.exp(gamma - (shape + 0.5) * np.log1p(t * t / (2 * shape))) / np.sqrt(
            2 * np.pi * shape * scale
        )
        beyond = float(run @ np.where(t > 0, np.exp(-(shape + 0.5) * np.log1p(t * t / (2 * shape))), 1.0))
        found.append(-log(max(beyond, _FLOOR)) / log(10))
        grown = run * density * (1 - hazard)
        fresh = float(run @ density) * hazard
        moved = mean + (x - mean) / (weight + 1)
        wider = rate + weight * (x - mean) ** 2 / (2 * (weight + 1))
        run[1:], run[0] = grown[:-1], fresh
        run[-1] += grown[-1]
        last = (moved[-1], wider[-1] * shape[-1] / (shape[-1] + 0.5))
        mean[1:], rate[1:] = moved[:-1], wider[:-1]
        mean[-1], rate[-1] = last
        mean[0], rate[0] = moved[min(i, longest - 1)] if i < longest else moved[-1], 1.0
        run /= max(run.sum(), _FLOOR)
    return found


def kleinberg(times: Sequence[float], counts: Sequence[float], width_s: float) -> list[float]:
    """Kleinberg's bursts (2002), online: cost of staying at the base rate less cost of states 2, 4, 8 … times as high."""
    fade, ratios = exp(-width_s / _WEEK_S), [2.0**k for k in range(7)]
    up, day = 3.0, [1.0] * 24
    costs = [0.0] + [up * k for k in range(1, 7)]
    level, weight = 0.0, 0.0
    found = []
    for at, count in zip(times, counts, strict=True):
        hour = int(at // _HOUR_S) % 24
        base = max((level / weight if weight else count) * day[hour], 1e-3)
        fits = [base * ratio - count * log(base * ratio) for ratio in ratios]
        costs = [
            min(costs[j] + up * max(0, k - j) for j in range(len(ratios))) + fits[k]
            for k in range(len(ratios))
        ]
        least = min(costs)
        costs = [cost - least for cost in costs]
        found.append(costs[0])
        costs[0] = min(costs[0], 50.0)
        kept = min(count, 4 * base + 3)
        level, weight = level * fade + kept, weight * fade + day[hour]
        day[hour] += 0.01 * (min(kept / max(level / weight, 1e-9), 5) - day[hour])
    return found


def sh_esd(times: Sequence[float], counts: Sequence[float], width_s: float) -> list[float]:
    """Twitter's seasonal-hybrid ESD, as far as it goes online: (count − median − hour's median) / MAD over two weeks."""
    per_hour = max(1, round(_HOUR_S / width_s))
    rows = round(14 * _DAY_S / width_s)
    values = np.asarray(counts, dtype=float)
    hours = np.asarray(times) // _HOUR_S % 24
    found = np.zeros(len(values))
    for begin in range(
        per_hour, len(values), per_hour
    ):  # medians are taken anew every hour, from what was before it
        past, at = values[max(0, begin - rows) : begin], hours[max(0, begin - rows) : begin]
        middle = np.median(past)
        season = np.zeros(24)
        for hour in np.unique(at):
            season[int(hour)] = np.median(past[at == hour]) - middle
        rest = past - middle - season[at.astype(int)]
        mad = 1.4826 * np.median(np.abs(rest - np.median(rest)))
        end = min(begin + per_hour, len(values))
        now = values[begin:end] - middle - season[hours[begin:end].astype(int)]
        found[begin:end] = np.maximum(now, 0) / max(mad, 1.0)
    return [float(value) for value in found]


METHODS: dict[str, Method] = {
    "ours": ours,
    "Gamma-Poisson, hour of week": gamma_poisson,
    "scan statistic": scan,
    "BOCPD": bocpd,
    "Kleinberg": kleinberg,
    "S-H-ESD": sh_esd,
}
