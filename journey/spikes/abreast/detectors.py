"""Runs many detectors abreast: series that see the same buckets, as columns of arrays; each to the bit as a Detector.

What is done bucket by bucket is done for all series at once, and what only few buckets need (a tail that is exceeded, a level
that is new) is done by the parts of a Detector for those alone. `exp`, `log` and `asinh` of results are the standard
library's: NumPy's may differ in the last digit.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import groupby
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journey.spikes.abreast.tails import Evidences, TailsAbreast
from journey.spikes.abreast.walk import COUNTS, MEANS, Array, Heard, Pace, Room, Start, Walk
from journey.spikes.baseline import DAY, ENOUGH_S, FACTOR, FASTER, HOUR_S, PSEUDO, WEEK
from journey.spikes.detector import Detector
from journey.spikes.policy import Policy
from journey.spikes.tail import KEPT, NUMBERS

__all__ = ["Abreast", "Passed"]

_US = 1_000_000
_LEARNED, _LEVELS = 0, 1  # of an hour: counts, and levels
# A sum of counts below this is none: added to a count, 1 at least, or to any number that it is compared with, 0.375 at
# least, it changes no bit. Where it went on to fade, it would become a number with which processors are slow.
_UNSEEN = 1e-20


@dataclass(frozen=True, slots=True)
class Passed:
    """A run of buckets, by bucket and column: what was expected, and whether from there on zeros would all score 0.

    Buckets in which some span is above its tail are `found`, in order; all others score 0.
    """

    expected: Array
    found: list[Evidences]
    see_quiet: Callable[[], NDArray[np.bool_]]

    @property
    def quiet(self) -> NDArray[np.bool_]:
        """Whether zeros would all score 0 after each bucket, by column; it is seen when it is asked for."""
        return self.see_quiet()


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
        self._room = Room()
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
        self._factor, self._seen = base[3], float(base[6, 0])
        self._learned = base[4:6]  # in this hour: counts, and levels
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
        for name in ("_level", "_factor", "_learned", "_sums"):
            setattr(self, name, getattr(self, name)[..., columns])
        self._tails.choose(columns)
        self._ratios = [array[:, columns] for array in self._ratios]
        self._visits = [array[:, columns] for array in self._visits]

    def first(self) -> Passed:
        """Return the first bucket, in which nothing was expected and nothing is above a tail."""
        quiet = self.quiet[None]
        return Passed(np.zeros(quiet.shape), [], lambda: quiet)

    def copy(self) -> "Abreast":
        """Return others that go on from here: nothing that either learns is of both."""
        made = copy(self)
        vars(made).update(_tails=copy(self._tails), _room=Room())
        made.choose(range(len(self._factor)))
        return made

    def most(self, at_us: int) -> int:
        """Return how many buckets from a time on the next run may have at most.

        No hour of the day comes twice in it, so that what is learned of its hours is in no factor of the same run.
        """
        return self._until(at_us, DAY)

    def _until(self, at_us: int, hours: int) -> int:
        """Return how many buckets begin from a time on, before the end of so many hours."""
        width_us = self._width // timedelta(microseconds=1)
        end_us = int(at_us / _US // HOUR_S + hours) * HOUR_S * _US
        return -((at_us - end_us) // width_us)

    @property
    def _day_rows(self) -> int:
        return max(1, round(DAY * HOUR_S / self._width_s))

    @property
    def rows(self) -> int:
        """Buckets that each column has seen."""
        return self._rows

    def take(self, at_us: int, buckets: int, heard: Heard) -> Passed:
        """Take the next buckets, no more than `most` allows, with the counts above 0 in them."""
        hours = list(self._hours(at_us, buckets))
        if hours[0][0] != self._hour:
            self._turn(hours[0][0])
        factors = np.concatenate([self._factor[None], self._look_up([int(hour) for hour, _ in hours[1:]])])
        of_each = self._room.array("factors", buckets, factors.shape[1])
        hour_of = np.repeat(np.arange(len(hours)), [many for _, many in hours])
        np.take(factors, hour_of, axis=0, out=of_each, mode="clip")  # unlike "raise", without a copy
        self._sums[COUNTS][self._sums[COUNTS] < _UNSEEN] = 0.0
        start = Start(self._level, self._sums, self._tails.at_most)
        walk = Walk(self._pace, start, of_each, heard, self._room)
        found = self._tails.learn(walk, self._rows)
        self._level, self._sums = walk.last_level, walk.last_sums
        self._learn_hours(hours, factors, walk)
        self._rows += buckets
        return Passed(walk.means, found, partial(self._quiet_after, walk))

    def _hours(self, at_us: int, buckets: int) -> Iterator[tuple[float, int]]:
        """Yield the hours of a run, and how many of its buckets are in each."""
        width_us = self._width // timedelta(microseconds=1)
        while buckets:
            here = min(buckets, self._until(at_us, 1))
            yield at_us / _US // HOUR_S, here
            at_us, buckets = at_us + here * width_us, buckets - here

    @property
    def quiet(self) -> NDArray[np.bool_]:
        """Whether zeros would all score 0 from here on, by column."""
        return self._quiet(self._sums)

    def _quiet_after(self, walk: Walk) -> NDArray[np.bool_]:
        """Return the same after each bucket of a run: sums of columns that are not loud are too low all the time."""
        quiet = np.ones(walk.means.shape, bool)
        quiet[:, walk.loud] = self._quiet(walk.sums[1:])
        return quiet

    def _quiet(self, sums: Array) -> NDArray[np.bool_]:
        counts = sums[..., COUNTS, :-1, :]
        return np.asarray(self._tails.at_most(counts * self._pace.fades[:-1]).all(-2))

    def _turn(self, hour: float) -> None:
        """Close the hour that was, and look up the factors of the one that begins, as Baseline does."""
        self._close([int(self._hour)], self._learned[None], [self._seen])
        self._hour, self._factor = hour, self._look_up([int(hour)])[0]
        self._learned, self._seen = np.zeros_like(self._learned), 0.0

    def _look_up(self, hours: Sequence[int]) -> Array:
        """Return the factors of hours, by hour and column."""
        logs: Any = 0.0
        shrinkages = (self._policy.day_shrinkage, self._policy.week_shrinkage)
        for ratio, visits, shrinkage in zip(self._ratios, self._visits, shrinkages, strict=True):
            at = [hour % len(ratio) for hour in hours]
            seen = visits[at].astype("d")
            logs = logs + ratio[at].astype("d") * seen / (seen + shrinkage)
        return np.fromiter(map(exp, logs.ravel().tolist()), "d", logs.size).reshape(logs.shape)

    def _learn_hours(self, hours: Sequence[tuple[float, int]], factors: Array, walk: Walk) -> None:
        """Add up what a run has added to each of its hours, bucket by bucket, and close all but the last."""
        many = [of for _, of in hours]
        learned, first, at = np.zeros((len(hours), *self._learned.shape)), 0, 0
        learned[0] = self._learned
        for alike, same in groupby(many):
            count = len(list(same))
            last = at + alike * count
            levels = walk.levels[at:last].reshape(count, alike, -1)
            sums = learned[first : first + count, _LEVELS]
            for place in range(alike):
                np.add(sums, levels[:, place], sums)
            at, first = last, first + count
        hour_of = np.repeat(range(len(hours)), many).tolist()
        those = (walk.places.tolist(), walk.columns.tolist(), walk.learned.tolist())
        for place, column, kept in zip(*those, strict=True):
            learned[hour_of[place], _LEARNED, column] += kept
        seen = [self._seen + many[0], *map(float, many[1:])]
        self._close([int(hour) for hour, _ in hours[:-1]], learned[:-1], seen[:-1])
        (self._hour, _), self._factor = hours[-1], factors[-1]
        self._learned, self._seen = learned[-1], seen[-1]

    def _close(self, hours: Sequence[int], learned: Array, seen: Sequence[float]) -> None:
        """Learn of hours, no two of them of one hour of the day, what their counts were to their levels."""
        enough = [place for place, many in enumerate(seen) if many * self._width_s >= ENOUGH_S]
        if not enough:
            return
        ratios = (learned[enough, _LEARNED] + PSEUDO) / (learned[enough, _LEVELS] + PSEUDO)
        logs = np.fromiter(map(log, ratios.ravel().tolist()), "d", ratios.size).reshape(ratios.shape)
        left: Any = np.clip(logs, -FACTOR, FACTOR)
        for ratio, visits in zip(self._ratios, self._visits, strict=True):
            at = [hours[place] % len(ratio) for place in enough]
            visits[at] = np.minimum(visits[at].astype("d") + 1, self._policy.rhythm_visits)
            here = ratio[at].astype("d")
            ratio[at] = here + (left - here) / visits[at].astype("d")
            left = left - ratio[at].astype("d")
