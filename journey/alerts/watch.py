"""The detectors of one brand and direction: minutes that are closed are learned, open ones are looked at and forgotten."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from journey.alerts.policy import AlertPolicy
from journey.alerts.scope import BRAND, Scope
from journey.spikes import Detector, Reading

__all__ = ["MINUTE_US", "BrandWatch", "Counts", "Sight"]

MINUTE_US = 60_000_000
_KEPT = 180  # minutes of each scope, for the message
_HOT = 0.49  # what a detector gives a minute of an event that has had its alarm

Counts = Mapping[Scope, int]


@dataclass(frozen=True, slots=True)
class Sight:
    """A scope that stands out in some minute."""

    scope: Scope
    at_us: int
    began_us: int
    """The minute in which the event of that scope began, as its detector tells events apart."""
    since_us: int
    """First minute of what stands out."""
    score: float


class _Track:
    """One scope: its detector, and its last minutes as (minute, people, expected)."""

    __slots__ = ("began_us", "detector", "heard_us", "recent")

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.recent: deque[tuple[int, float, float]] = deque(maxlen=_KEPT)
        self.heard_us = self.began_us = 0

    def feed(self, minute_us: int, count: int) -> Reading:
        reading = self.detector.feed(minute_us, count)
        self.recent.append((minute_us, count, reading.expected or 0.0))
        if count:
            self.heard_us = minute_us
        if reading.alarm:
            self.began_us = minute_us
        return reading


class BrandWatch:
    """Watches a brand in one direction. State bounded by `most_scopes`.

    A scope that was never heard has had zeros so far: its detector starts as a copy of one that was fed zeros.
    """

    def __init__(self, policy: AlertPolicy) -> None:
        self._policy = policy
        self._width = timedelta(minutes=1)
        self._silent = Detector(self._width, policy.of_scope)
        self._tracks = {BRAND: _Track(Detector(self._width, policy.of_brand))}
        self._open: dict[Scope, list[tuple[int, float, float]]] = {}

    def close(self, minute_us: int, counts: Counts) -> list[Sight]:
        """Learn a minute that will not change any more; scopes without a count had nobody. Minutes come in order."""
        for scope in counts.keys() - self._tracks.keys():
            self._track(scope)
        sights = [
            sight
            for scope, track in self._tracks.items()
            if (sight := _sight(scope, track, track.feed(minute_us, counts.get(scope, 0)))) is not None
        ]
        self._silent.feed(minute_us, 0)
        return sights

    def peek(self, minutes: Sequence[tuple[int, Counts]]) -> list[Sight]:
        """Look at open minutes, as they are so far; nothing is learned, and nothing looked at where nobody is heard."""
        self._open = {}
        heard = set(chain.from_iterable(counts for _, counts in minutes))
        if not heard:
            return []
        sights = []
        for scope in {BRAND} | heard:
            track = self._tracks.get(scope) or self._fresh()
            before = track.detector.snapshot()
            seen = _Track(track.detector)
            seen.recent, seen.began_us = deque(track.recent, maxlen=_KEPT), track.began_us
            found = [_sight(scope, seen, seen.feed(at, counts.get(scope, 0))) for at, counts in minutes]
            track.detector.restore(before)
            self._open[scope] = list(seen.recent)
            sights += [sight for sight in found if sight is not None]
        return sights

    def recent(self, scope: Scope) -> list[tuple[int, float, float]]:
        """Return the last minutes of a scope, open ones as last seen: (minute, people, expected)."""
        return self._open.get(scope) or list(self._tracks[scope].recent if scope in self._tracks else ())

    def tally(self, scope: Scope, since_us: int) -> tuple[float, float]:
        """Return the people and the expected people of a scope since a minute."""
        rows = [row for row in self.recent(scope) if row[0] >= since_us]
        return sum(row[1] for row in rows), sum(row[2] for row in rows)

    @property
    def scopes(self) -> set[Scope]:
        """The scopes with a history, or with somebody in an open minute."""
        return {*self._tracks, *self._open}

    def _fresh(self) -> _Track:
        detector = Detector(self._width, self._policy.of_scope)
        detector.restore(self._silent.snapshot())
        return _Track(detector)

    def _track(self, scope: Scope) -> None:
        if len(self._tracks) > self._policy.most_scopes:
            others = (known for known in self._tracks if known != BRAND)
            del self._tracks[min(others, key=lambda known: (self._tracks[known].heard_us, known))]
        self._tracks[scope] = self._fresh()


def _sight(scope: Scope, track: _Track, reading: Reading) -> Sight | None:
    if reading.score < _HOT:
        return None
    span_us = int((reading.span or timedelta(minutes=1)) / timedelta(microseconds=1))
    first = reading.at_us - span_us + MINUTE_US
    heard = (at for at, people, expected in track.recent if at >= first and people > expected)
    return Sight(scope, reading.at_us, track.began_us, next(heard, reading.at_us), reading.score)
