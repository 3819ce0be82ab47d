"""Scores the counts of one series, bucket by bucket: expected count, probability and spike score of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from math import isfinite
from typing import Protocol

from journey.spikes.baseline import Baseline
from journey.spikes.policy import Policy
from journey.spikes.score import Score
from journey.spikes.surprise import Surprise, usual
from journey.spikes.tail import LEAST_QUANTILE, Tails

__all__ = ["HIGHEST", "Detector", "Reading", "SeriesError", "check"]

HIGHEST = 300.0  # decades; beyond, a probability is no float
_US = 1_000_000


class _Part(Protocol):
    def numbers(self) -> Iterator[float]: ...

    def restore(self, numbers: Sequence[float]) -> Sequence[float]: ...


class SeriesError(ValueError):
    """An error of a bucket that does not continue its series; the message says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The result for one bucket: expectation, probability, score and alarm."""

    at_us: int
    count: float
    expected: float | None
    """Count that was to be expected in this bucket; None for the first."""
    probability: float
    """Of so much surprise over all spans together, per look, in a quiet series of its kind; 1 below its usual peaks."""
    score: float
    """0 to 1; an alarm from THRESHOLD on. 1 / (1 + alarms of this height in a quiet month / alarms that are allowed)."""
    span: timedelta | None
    """Over which the counts are most surprising; None while the width of a bucket is not known."""
    alarm: bool
    """This bucket begins an event."""
    under_way: bool
    """This bucket belongs to an event."""


def check(at_us: int, count: float, last_us: int | None) -> None:
    """Raise SeriesError for a bucket not after the last one, or a count that is negative or no number."""
    if not (isfinite(count) and count >= 0):
        raise SeriesError(f"a count of {count}: must be a number from 0 on")
    if last_us is not None and at_us <= last_us:
        raise SeriesError("a bucket that does not start after the one before")


class Detector:
    """Finds upward spikes in the counts of one series, bucket by bucket. State, of fixed size.

    A reading uses nothing after its bucket. A bucket that is left out is unknown, not zero: zeros are to be fed.
    """

    def __init__(self, width: timedelta, policy: Policy | None = None) -> None:
        """Make a detector of buckets of `width`."""
        if width <= timedelta(0):
            raise SeriesError(f"a bucket of {width}: must be longer than nothing")
        self.policy, self.width = policy or Policy(), width
        self._width_s = width.total_seconds()
        self.spans = (width, *(span for span in self.policy.scales if span > width))
        self._baseline = Baseline(self.policy, self._width_s)
        self._score = Score(self.policy, self._width_s)
        self._surprises = [
            Surprise(span.total_seconds(), self._width_s, self.policy.dispersion) for span in self.spans
        ]
        self._tails = Tails(self.policy, self._width_s, len(self.spans))
        self._last_us: int | None = None
        self._first_us = self._rows = 0

    def feed(self, at_us: int, count: float) -> Reading:
        """Take the next bucket, by its start in microseconds since 1970, and return what it says.

        Raises SeriesError as `check` does.
        """
        check(at_us, count, self._last_us)
        self._pass(at_us)
        at_s = at_us / _US
        expected = self._baseline.expected(at_s)
        mean = count if expected is None else expected
        surprises = [surprise.add(count, mean) for surprise in self._surprises]
        evidences = [tail.evidence(much) for tail, much in zip(self._tails.each, surprises, strict=True)]
        self._baseline.learn(count, mean)
        self._tails.learn(surprises, self._rows, shifted=self._baseline.shifted)
        self._last_us, self._rows = at_us, self._rows + 1
        return self._reading(at_us, count, expected, evidences)

    @property
    def is_quiet(self) -> bool:
        """Whether buckets without a count would all score 0 from here on, so that `feed_zeros` may take them."""
        return self._rows > 0 and all(surprise.at_most(LEAST_QUANTILE) for surprise in self._surprises)

    def feed_zeros(self, at_us: int, buckets: int) -> list[float]:
        """Take buckets without a count, one after the other from `at_us` on, and return what was expected in each.

        The state is then, to the bit, what `feed` makes of them one by one, at a tenth of the time. Raises SeriesError as
        `check` does, and where the series is not quiet: `feed` says what such buckets score.
        """
        check(at_us, 0, self._last_us)
        if not self.is_quiet:
            raise SeriesError("a series that is not quiet")
        if buckets <= 0:
            return []
        self._pass(at_us)
        width_us = int(self.width / timedelta(microseconds=1))
        expected, shifted = self._baseline.learn_zeros(at_us, width_us, buckets)
        for surprise in self._surprises:
            surprise.add_zeros(expected)
        self._tails.learn_quiet(shifted, self._rows)
        self._last_us, self._rows = at_us + (buckets - 1) * width_us, self._rows + buckets
        return expected

    def _pass(self, at_us: int) -> None:
        if self._last_us is None:
            self._first_us = at_us
            return
        missing = round((at_us - self._last_us) / _US / self._width_s) - 1
        if missing > 0:
            for surprise in self._surprises:
                surprise.skip(missing)

    def _reading(self, at_us: int, count: float, expected: float | None, evidences: list[float]) -> Reading:
        evidence, at_s = min(sum(evidences) / len(evidences), HIGHEST), at_us / _US
        score, alarm = self._score.take(at_s, evidence, self._rows, at_s - self._first_us / _US)
        return Reading(
            at_us=at_us,
            count=count,
            expected=expected,
            probability=10**-evidence,
            score=score,
            span=self.spans[max(range(len(evidences)), key=evidences.__getitem__)],
            alarm=alarm,
            under_way=self._score.event.under_way(at_s),
        )

    def usual(self, expected: float, span: timedelta) -> tuple[float, float]:
        """Return between which counts over a span the series mostly stays, where `expected` is to be expected.

        The upper one is as far above as counts that fade over the longest of `spans` no longer than `span` have been in
        all but the share `policy.tail` of the time; the lower one is as far below.
        """
        index = max((i for i, known in enumerate(self.spans) if known <= span), default=0)
        return usual(expected, self._tails.each[index].quantile, self.policy.dispersion)

    def snapshot(self) -> list[float]:
        """Return the state as plain numbers, always as many for the same width and policy."""
        return [
            float(self._first_us),
            float(self._last_us or 0),
            float(self._rows),
            *chain.from_iterable(part.numbers() for part in self._parts()),
        ]

    def restore(self, numbers: Sequence[float]) -> None:
        """Go on from a snapshot of a detector of the same width and policy; raises SeriesError for another's."""
        if len(numbers) != len(self.snapshot()):
            raise SeriesError(f"{len(numbers)} numbers: must be {len(self.snapshot())}, from the same policy")
        first, last, rows = map(int, numbers[:3])
        self._first_us, self._last_us, self._rows = first, last if rows else None, rows
        left = numbers[3:]
        for part in self._parts():
            left = part.restore(left)

    def _parts(self) -> tuple[_Part, ...]:
        return (self._baseline, self._score.event, self._score.habit, *self._surprises, self._tails)
