"""Simulated series: each method at the threshold that gives it the same false alarms, then recall and delay."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from journey.spikes import Detector, Policy
from tests.benchmarks.spikes.alarms import alarms, threshold_for
from tests.benchmarks.spikes.methods import METHODS, Method
from tests.benchmarks.spikes.simulator import Plan, Simulated, quiet, simulate

__all__ = ["AS_IT_IS", "LENGTHS_S", "RATES", "SIZES", "Outcome", "own_alarms", "run"]

RATES = (0.1, 2.0, 30.0, 1000.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0)
LENGTHS_S = (900, 3600, 21_600)
_RHYTHMS, _DISPERSIONS = (0.0, 0.8), (0.0, 10.0, 2.0)
_GRACE_S, _WIDTH_S, _DAY_S = 1800, 300, 86_400
_WARM_DAYS = 7

AS_IT_IS = "journey spikes, as it is"
Alarms = Callable[[Simulated], Sequence[int]]
"""A series in, the rows that begin an event out."""


@dataclass
class Outcome:
    """What became of one method: alarms in a month of each kind of quiet series, and by (rate, size, length) minutes to
    the alarm of each spike, None where there was none."""

    quiet: dict[Plan, float]
    found: dict[tuple[float, float, int], list[float | None]] = field(default_factory=dict)

    def recall(
        self, rate: float | None = None, size: float | None = None, length_s: int | None = None
    ) -> float:
        """Return the share of such spikes that had an alarm before half an hour after their end."""
        delays = self.delays(rate, size, length_s)
        return sum(delay is not None for delay in delays) / len(delays)

    def delays(
        self, rate: float | None = None, size: float | None = None, length_s: int | None = None
    ) -> list[float | None]:
        """Return the minutes from the begin of each such spike to its alarm; None where there was none."""
        wanted = (rate, size, length_s)
        return [
            delay
            for key, delays in self.found.items()
            if all(want in (None, has) for want, has in zip(wanted, key, strict=True))
            for delay in delays
        ]


def run(per_month: float) -> dict[str, Outcome]:
    """Calibrate every method on quiet series, then let it look for injected spikes; print a table."""
    calm = {plan: quiet(plan, i) for i, plan in enumerate(_plans())}
    outcomes = {AS_IT_IS: _outcome(own_alarms, calm)}
    for name, method in METHODS.items():
        outcomes[name] = _outcome(_calibrated(method, calm.values(), per_month), calm)
    _print(outcomes, per_month)
    return outcomes


def _plans() -> Iterable[Plan]:
    for rate in RATES:
        for rhythm in _RHYTHMS:
            for dispersion in _DISPERSIONS:
                yield Plan(rate, rhythm, dispersion)


def _calibrated(method: Method, calm: Iterable[Simulated], per_month: float) -> Alarms:
    """Return what raises a method's alarms at the threshold that gives so many on quiet series."""
    threshold = threshold_for(per_month, [_evidence(method, series) for series in calm], _WIDTH_S, _WARM_DAYS)
    return lambda series: alarms(_evidence(method, series), threshold, series.width_s).tolist()


def _evidence(method: Method, series: Simulated) -> Sequence[float]:
    return method(series.times_s.tolist(), series.counts.astype(float).tolist(), series.width_s)


def own_alarms(series: Simulated) -> list[int]:
    """Return the rows in which our detector, as it is, raises an alarm."""
    detector = Detector(timedelta(seconds=series.width_s), Policy())
    fed = zip(series.times_s.tolist(), series.counts.tolist(), strict=True)
    return [row for row, (at, count) in enumerate(fed) if detector.feed(at * 1_000_000, float(count)).alarm]


def _outcome(raised: Alarms, calm: dict[Plan, Simulated]) -> Outcome:
    warm = _WARM_DAYS * _DAY_S // _WIDTH_S
    outcome = Outcome({plan: sum(row >= warm for row in raised(series)) for plan, series in calm.items()})
    for i, rate in enumerate(RATES):
        for size in SIZES:
            for length_s in LENGTHS_S:
                series = simulate(Plan(rate, rhythm=0.5), size, length_s, seed=100 + i)
                hits = raised(series)
                outcome.found[rate, size, length_s] = [_delay(hits, a, b) for a, b in series.spikes]
    return outcome


def _delay(hits: Sequence[int], begin: int, end: int) -> float | None:
    """Return the minutes from the begin of the spike's first bucket to the end of the one that had the alarm."""
    inside = [hit for hit in hits if begin <= hit < end + _GRACE_S // _WIDTH_S]
    return (inside[0] - begin + 1) * _WIDTH_S / 60 if inside else None


def _print(outcomes: dict[str, Outcome], per_month: float) -> None:
    print(
        f"\nsimulated series, every method at the threshold that gives {per_month:g} false alarms a month on average"
    )
    kinds: list[tuple[str, Callable[[Outcome], str]]] = [
        ("false", lambda one: f"{np.mean(list(one.quiet.values())):.1f}"),
        ("worst", lambda one: f"{max(one.quiet.values()):.0f}"),
        ("recall", lambda one: f"{one.recall():.2f}"),
        *((f"×{1 + size:g}", lambda one, size=size: f"{one.recall(size=size):.2f}") for size in SIZES),
        *(
            (f"{length // 60} min", lambda one, length=length: f"{one.recall(length_s=length):.2f}")
            for length in LENGTHS_S
        ),
        *((f"{rate:g}/5min", lambda one, rate=rate: f"{one.recall(rate=rate):.2f}") for rate in RATES),
        ("delay", lambda one: f"{np.median([d for d in one.delays() if d is not None] or [np.nan]):.0f}"),
    ]
    print(f"{'':30s} " + " ".join(f"{head:>{max(6, len(head))}s}" for head, _ in kinds))
    for name, one in outcomes.items():
        print(f"{name:30s} " + " ".join(f"{cell(one):>{max(6, len(head))}s}" for head, cell in kinds))
