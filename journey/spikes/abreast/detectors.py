"""Runs many detectors abreast: series that see the same buckets, as columns of arrays; each to the bit as a Detector.

What is done bucket by bucket is done for all series at once, and what only few buckets need (a tail that is exceeded, a level
that is new) is done by the parts of a Detector for those alone. `exp`, `log` and `asinh` of results are the standard
library's: NumPy's may differ in the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journey.spikes.abreast.tails import Evidences, TailsAbreast
from journey.spikes.abreast.walk import COUNTS, MEANS, Array, Heard, Pace, Walk
from journey.spikes.baseline import DAY, ENOUGH_S, FACTOR, FASTER, HOUR_S, PSEUDO, WEEK
from journey.spikes.detector import Detector
from journey.spikes.policy import Policy
from journey.spikes.tail import KEPT, NUMBERS

__all__ = ["Abreast", "Passed"]

_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Passed:
    """A run of buckets, by bucket and column: what was expected, and whether from there on zeros would all score 0.

    Buckets in which some span is above its tail are `found`, in order; all others score 0.
    """

    expected: Array
    quiet: NDArray[np.bool_]
    found: list[Evidences]


class Abreast:
    """Detectors of one width and policy, but for its `alarms_per_month`, that began together. Column 0 sees zeros only.

    `take` is given runs of buckets that follow each other. A column may be added at any time; it is then as if it had seen
    zeros from the start.
    """

    def __init__(self, width: timedelta, policy: Policy, at_us: int, counts: Sequence[int]) -> None:
        """Begin with the counts of the first bucket, at least the zero of column 0."""
        self._policy, self._width, self._width_s = policy, width, width.total_seconds()
        self._spans_s = [span.total_seconds() for span in (width, *(s for s in policy.scales if s > width))]
        self._first_us, self._rows = at_us, 1
        fade = exp(-self._width_s / policy.level_memory.total_seconds())
        fades = [1 - self._width_s / span for span in self._spans_s] + [exp(-self._width_s / (DAY * HOUR_S))]
        self._pace = Pace(fade, fade**FASTER, np.array(fades)[:, None], policy)
        self._tails = TailsAbreast(policy, self._width_s, len(self._spans_s), self._day_rows)
        detectors = [Detector(width, policy) for _ in counts]
        for detector, count in zip(detectors, counts, strict=True):
            detector.feed(at_us, float(count))
        self._load(np.array([detector.snapshot() for detector in detectors]).T)

    def _load(self, numbers: Array) -> None:
        """Take over the snapshots of detectors, one a column."""
        spans, at = len(self._spans_s), 3

        def part(rows: int) -> Array:
            nonlocal at
            at += rows
            return numbers[at - rows : at].copy()

        base = part(9)
        self._level, self._hour = base[:2], base[2, 0]  # counts and exposure
        self._factor, self._of_hour, self._levels, self._seen = base[3], base[4], base[5], base[6, 0]
        self._ratios = [part(DAY).astype("f"), part(WEEK).astype("f")]
        self._visits = [part(DAY).astype("f"), part(WEEK).astype("f")]
        part(1 + 2 * 24 + 4)  # event and habit: of a score
        sums = part(2 * spans).reshape(spans, 2, -1)
        # by counts and means: of each span, and of a day
        self._sums = np.stack([np.vstack([sums[:, kind], base[7 + kind]]) for kind in (COUNTS, MEANS)])
        tails = self._tails
        tails.now, tails.kept = part(NUMBERS * spans), part(KEPT * NUMBERS * spans)
        tails.shifted = part(1)[0]

    def choose(self, columns: Sequence[int]) -> None:
        """Have these columns from here on, in this order; one that is new is a copy of column 0."""
        for name in ("_level", "_factor", "_of_hour", "_levels", "_sums"):
            setattr(self, name, getattr(self, name)[..., columns])
        self._tails.choose(columns)
        self._ratios = [array[:, columns] for array in self._ratios]
        self._visits = [array[:, columns] for array in self._visits]

    def most(self, at_us: int) -> int:
        """Return how many buckets from a time on the next run may have at most: to the end of their hour."""
        width_us = self._width // timedelta(microseconds=1)
        end_us = (at_us // _US // HOUR_S + 1) * HOUR_S * _US
        return min(-((at_us - end_us) // width_us), self._day_rows - (self._rows - 1) % self._day_rows)

    @property
    def _day_rows(self) -> int:
        return max(1, round(DAY * HOUR_S / self._width_s))

    @property
    def rows(self) -> int:
        """Buckets that each column has seen."""
        return self._rows

    def take(self, at_us: int, buckets: int, heard: Heard) -> Passed:
        """Take the next buckets, no more than `most` allows, with the counts above 0 in them."""
        hour = at_us / _US // HOUR_S
        if hour != self._hour:
            self._turn(hour)
        walk = Walk(self._pace, (self._level, self._sums, self._factor, self._of_hour), buckets, heard)
        if len(again := np.flatnonzero(walk.shifted.any(0))):
            walk.again(again, heard)
        found = self._tails.learn(walk, self._rows)
        last = np.add.accumulate(np.vstack([self._levels[None], walk.levels]), axis=0)[-1]
        self._level, self._sums, self._levels = walk.level[-1].copy(), walk.sums[-1].copy(), last
        self._of_hour = walk.of_hour
        self._seen += buckets
        self._rows += buckets
        return Passed(walk.means, self._quiet(walk.sums[1:]), found)

    @property
    def quiet(self) -> NDArray[np.bool_]:
        """Whether zeros would all score 0 from here on, by column."""
        return self._quiet(self._sums)

    def _quiet(self, sums: Array) -> NDArray[np.bool_]:
        counts = sums[..., COUNTS, :-1, :]
        return np.asarray(self._tails.at_most(counts * self._pace.fades[:-1]).all(-2))

    def _turn(self, hour: float) -> None:
        """Close the hour that was, and look up the factors of the one that begins, as Baseline does."""
        if self._seen * self._width_s >= ENOUGH_S:
            ratios = (self._of_hour + PSEUDO) / (self._levels + PSEUDO)
            self._visit(int(self._hour), np.array([log(ratio) for ratio in ratios.tolist()]))
        logs: Any = 0.0
        shrinkages = (self._policy.day_shrinkage, self._policy.week_shrinkage)
        for ratio, visits, shrinkage in zip(self._ratios, self._visits, shrinkages, strict=True):
            at = int(hour) % len(ratio)
            seen = visits[at].astype("d")
            logs = logs + ratio[at].astype("d") * seen / (seen + shrinkage)
        self._hour, self._factor = hour, np.array([exp(one) for one in logs.tolist()])
        self._of_hour, self._levels = np.zeros_like(self._factor), np.zeros_like(self._factor)
        self._seen = 0.0

    def _visit(self, hour: int, ratios: Array) -> None:
        left: Any = np.clip(ratios, -FACTOR, FACTOR)
        for ratio, visits in zip(self._ratios, self._visits, strict=True):
            at = hour % len(ratio)
            visits[at] = np.minimum(visits[at].astype("d") + 1, self._policy.rhythm_visits)
            here = ratio[at].astype("d")
            ratio[at] = here + (left - here) / visits[at].astype("d")
            left = left - ratio[at].astype("d")
