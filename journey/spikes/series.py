"""Scores a series whose bucket width may be unknown: the first buckets show the width, online."""

from datetime import timedelta
from itertools import pairwise

from journey.spikes.detector import Detector, Reading, check
from journey.spikes.policy import Policy

__all__ = ["Series"]

_FIRST = 12  # buckets until the shortest step between them is taken for the width


class Series:
    """Feeds a detector once the bucket width is known. State, of fixed size.

    The first buckets, if no width is given, are kept until there are twelve and score 0; the detector then starts with all
    of them, so that what follows is scored as if the width had been given.
    """

    def __init__(self, width: timedelta | None = None, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self.detector = None if width is None else Detector(width, self._policy)
        self._first: list[tuple[int, float]] = []

    def feed(self, at_us: int, count: float) -> Reading:
        """Take the next bucket, as `Detector.feed` does."""
        if self.detector is not None:
            return self.detector.feed(at_us, count)
        check(at_us, count, self._first[-1][0] if self._first else None)
        self._first.append((at_us, count))
        if len(self._first) == _FIRST:
            self._start()
        return Reading(at_us, count, None, 1.0, 0.0, None, alarm=False, under_way=False)

    def _start(self) -> None:
        times = [at for at, _ in self._first]
        shortest = min(b - a for a, b in pairwise(times))
        self.detector = Detector(timedelta(microseconds=shortest), self._policy)
        for at, count in self._first:
            self.detector.feed(at, count)
        self._first = []
