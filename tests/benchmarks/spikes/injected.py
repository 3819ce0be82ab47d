"""Simulated series: each method at the threshold that gives it the same false alarms, then recall and delay."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from journey.spikes import Detector, Policy
from tests.benchmarks.spikes.alarms import alarms, threshold_for
from tests.benchmarks.spikes.methods import METHODS, Method
from tests.benchmarks.spikes.simulator import Plan, Simulated, quiet, simulate

__all__ = ["LENGTHS_S", "RATES", "SIZES", "Outcome", "run"]

RATES = (0.1, 2.0, 30.0, 1000.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0)
LENGTHS_S = (900, 3600, 21_600)
_RHYTHMS, _DISPERSIONS = (0.0, 0.8), (0.0, 10.0, 2.0)
_GRACE_S = 1800
_WARM_DAYS = 7


@dataclass
class Outcome:
    """What became of one method: alarms of each kind of quiet series, and spikes found, by (rate, size, length)."""

    threshold: float
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
    outcomes = {name: _outcome(method, calm, per_month) for name, method in METHODS.items()}
    _print(outcomes, per_month)
    own = [_own_alarms(series) for series in calm.values()]
    print(
        f"\nour detector as it is, told at most {per_month:g} a month: {np.mean(own):.1f} on average over the kinds of "
        f"quiet series, {max(own):.0f} in the worst"
    )
    return outcomes


def _plans() -> Iterable[Plan]:
    for rate in RATES:
        for rhythm in _RHYTHMS:
            for dispersion in _DISPERSIONS:
                yield Plan(rate, rhythm, dispersion)


def _outcome(method: Method, calm: dict[Plan, Simulated], per_month: float) -> Outcome:
    evidences = {plan: _evidence(method, series) for plan, series in calm.items()}
    threshold = threshold_for(per_month, list(evidences.values()), 300, _WARM_DAYS)
    warm = _WARM_DAYS * 288
    outcome = Outcome(
        threshold, {plan: len(alarms(one[warm:], threshold, 300)) for plan, one in evidences.items()}
    )
    for i, rate in enumerate(RATES):
        for size in SIZES:
            for length_s in LENGTHS_S:
                series = simulate(Plan(rate, rhythm=0.5), size, length_s, seed=100 + i)
                hits = alarms(_evidence(method, series), threshold, series.width_s)
                outcome.found[rate, size, length_s] = [_delay(hits, a, b) for a, b in series.spikes]
    return outcome


def _evidence(method: Method, series: Simulated) -> Sequence[float]:
    return method(series.times_s.tolist(), series.counts.astype(float).tolist(), series.width_s)


def _delay(hits: Sequence[int], begin: int, end: int) -> float | None:
    """Return the minutes from the begin of the spike's first bucket to the end of the one that had the alarm."""
    inside = [hit for hit in hits if begin <= hit < end + _GRACE_S // 300]
    return (inside[0] - begin + 1) * 5.0 if inside else None


def _own_alarms(series: Simulated) -> int:
    detector = Detector(timedelta(seconds=series.width_s), Policy())
    fed = zip(series.times_s.tolist(), series.counts.tolist(), strict=True)
    readings = [detector.feed(at * 1_000_000, float(count)) for at, count in fed]
    return sum(reading.alarm for reading in readings[_WARM_DAYS * 288 :])


def _print(outcomes: dict[str, Outcome], per_month: float) -> None:
    print(
        f"\nsimulated series, every method at the threshold that gives {per_month:g} false alarms a month on average"
    )
    kinds: list[tuple[str, Callable[[Outcome], str]]] = [
        ("worst kind, a month", lambda one: f"{max(one.quiet.values()):.0f}"),
        ("recall", lambda one: f"{one.recall():.2f}"),
        *((f"×{1 + size:g}", lambda one, size=size: f"{one.recall(size=size):.2f}") for size in SIZES),
        *(
            (f"{length // 60} min", lambda one, length=length: f"{one.recall(length_s=length):.2f}")
            for length in LENGTHS_S
        ),
        *((f"{rate:g} a row", lambda one, rate=rate: f"{one.recall(rate=rate):.2f}") for rate in RATES),
        ("delay, min", lambda one: f"{np.median([d for d in one.delays() if d is not None]):.0f}"),
    ]
    print(f"{'':30s} " + " ".join(f"{head:>{max(6, len(head))}s}" for head, _ in kinds))
    for name, one in outcomes.items():
        print(f"{name:30s} " + " ".join(f"{cell(one):>{max(6, len(head))}s}" for head, cell in kinds))
