"""Runs the spike detectors of one brand and direction: closed minutes update them, open ones are only scored."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from journey.alerts.policy import AlertPolicy
from journey.alerts.scope import BRAND, Scope
from journey.spikes import Detector, Reading

__all__ = ["HOT", "KEPT", "MINUTE_US", "NEVER_US", "BrandWatch", "Counts", "Sight"]

MINUTE_US = 60_000_000
NEVER_US = -(2**62)  # before every minute: those before 1970 are negative
KEPT = 180  # minutes of each scope, for the message
HOT = 0.49  # what a detector gives a minute of an event that has had its alarm

Counts = Mapping[Scope, int]


@dataclass(frozen=True, slots=True)
class Sight:
    """A scope whose count is alarming in some minute."""

    scope: Scope
    at_us: int
    began_us: int
    """The minute in which the event of that scope began, as its detector separates events."""
    since_us: int
    """First alarming minute."""
    score: float


class _Track:
    """One scope: its detector, and its last minutes as (minute, people, expected).

    Minutes with nobody in which nothing can be alarming are given to the detector together when it is wanted: at a tenth of
    the time, and with the same result.
    """

    __slots__ = ("began_us", "detector", "heard_us", "next_us", "recent")

    def __init__(self, detector: Detector, next_us: int) -> None:
        self.detector = detector
        self.recent: deque[tuple[int, float, float]] = deque(maxlen=KEPT)
        self.next_us = next_us  # the first minute that the detector has not been given
        self.heard_us = self.began_us = NEVER_US

    def copy(self) -> "_Track":
        """Return one on the same detector, for minutes that are forgotten again."""
        made = _Track(self.detector, self.next_us)
        made.recent, made.began_us = self.recent.copy(), self.began_us
        return made

    def feed(self, minute_us: int, count: int) -> Reading:
        self.settle(minute_us)
        reading = self.detector.feed(minute_us, count)
        self.recent.append((minute_us, count, reading.expected or 0.0))
        self.next_us = minute_us + MINUTE_US
        if count:
            self.heard_us = minute_us
        if reading.alarm:
            self.began_us = minute_us
        return reading

    def feed_nobody(self, scope: Scope, until_us: int) -> list[Sight]:
        """Feed minutes with nobody until the detector is quiet; return those in which the scope is alarming all the same."""
        found = []
        while self.next_us < until_us and not self.detector.is_quiet:
            if (sight := _sight(scope, self, self.feed(self.next_us, 0))) is not None:
                found.append(sight)
        return found

    def waiting(self, until_us: int) -> int:
        """Return the minutes up to `until_us` that the detector has not been given."""
        return (until_us - self.next_us) // MINUTE_US

    def settle(self, until_us: int) -> None:
        """Give a quiet detector the minutes with nobody that it has not been given."""
        minutes = self.waiting(until_us)
        if minutes <= 0 or not self.detector.is_quiet:
            return
        expected = self.detector.feed_zeros(self.next_us, minutes)[-KEPT:]
        first_us = until_us - len(expected) * MINUTE_US
        self.recent.extend((first_us + n * MINUTE_US, 0, mean) for n, mean in enumerate(expected))
        self.next_us = until_us


class BrandWatch:
    """Watches a brand in one direction. State bounded by `most_scopes`.

    A scope that was never heard has had zeros so far: its detector starts as a copy of one that was fed zeros. A minute costs
    what is heard in it, and what is not quiet yet; the other scopes catch up when they are heard again.
    """

    def __init__(self, policy: AlertPolicy) -> None:
        self._policy = policy
        self._width = timedelta(minutes=1)
        self._next_us: int | None = None  # the first minute that is not closed; None before the first
        self._silent = _Track(Detector(self._width, policy.of_scope), NEVER_US)
        self._tracks = {BRAND: _Track(Detector(self._width, policy.of_brand), NEVER_US)}
        self._awake = {BRAND: self._tracks[BRAND]}  # those in which a minute with nobody can be alarming
        self._open: dict[Scope, list[tuple[int, float, float]]] = {}

    def close(self, minute_us: int, counts: Counts) -> list[Sight]:
        """Learn a minute that will not change any more; scopes without a count had nobody. Minutes come in order."""
        self._begin(minute_us)
        for scope in sorted(counts.keys() - self._tracks.keys()):
            self._track(scope)
        sights = []
        for scope in self._tracks.keys() & {*self._awake, *counts}:
            track = self._tracks[scope]
            if not (count := counts.get(scope, 0)):
                sights += track.feed_nobody(scope, minute_us + MINUTE_US)
            elif (sight := _sight(scope, track, track.feed(minute_us, count))) is not None:
                sights.append(sight)
            self._look(scope, track)
        self._end(minute_us + MINUTE_US)
        return sights

    def close_empty(self, minute_us: int, minutes: int) -> list[Sight]:
        """Learn minutes with nobody, from `minute_us` on: the same as `close` for each, in less time."""
        if not minutes:
            return []
        self._begin(minute_us)
        until_us = minute_us + minutes * MINUTE_US
        sights = []
        for scope, track in list(self._awake.items()):
            sights += track.feed_nobody(scope, until_us)
            self._look(scope, track)
        self._end(until_us)
        return sights

    def _begin(self, minute_us: int) -> None:
        """Have every detector at the minute that begins; minutes that were left out are unknown to each."""
        if minute_us == self._next_us:
            return
        for track in (self._silent, *self._tracks.values()):
            if self._next_us is not None:
                track.settle(self._next_us)
            track.next_us = minute_us

    def _end(self, until_us: int) -> None:
        self._silent.feed_nobody(BRAND, until_us)
        self._next_us = until_us

    def _look(self, scope: Scope, track: _Track) -> None:
        """Note whether a minute with nobody can be alarming in a scope."""
        if track.detector.is_quiet:
            self._awake.pop(scope, None)
        else:
            self._awake[scope] = track

    @property
    def is_quiet(self) -> bool:
        """Whether no minute with nobody can be alarming, from here on."""
        return not self._awake

    def settle(self, *, least: int = 1, enough: Callable[[], bool] = lambda: False) -> bool:
        """Give detectors the empty minutes that they have not been given, where they are `least`; return whether all have.

        Who does so now and then has no wait for it when something happens. It ends early once there is `enough`.
        """
        if self._next_us is None:
            return True
        for track in (self._silent, *self._tracks.values()):
            if track.waiting(self._next_us) >= least:
                if enough():
                    return False
                track.settle(self._next_us)
        return True

    def _settled(self, track: _Track) -> _Track:
        """Return a track whose detector has every minute that is closed."""
        if self._next_us is not None:
            track.settle(self._next_us)
        return track

    def peek(self, minutes: Sequence[tuple[int, Counts]]) -> list[Sight]:
        """Look at open minutes, as they are so far; nothing is learned, and nothing looked at where nobody is heard."""
        self._open = {}
        heard = set(chain.from_iterable(counts for _, counts in minutes))
        if not heard:
            return []
        sights = []
        for scope in {BRAND} | heard:
            track = self._settled(self._tracks.get(scope) or self._fresh())
            before = track.detector.snapshot()
            seen = track.copy()
            found = [_sight(scope, seen, seen.feed(at, counts.get(scope, 0))) for at, counts in minutes]
            track.detector.restore(before)
            self._open[scope] = list(seen.recent)
            sights += [sight for sight in found if sight is not None]
        return sights

    def recent(self, scope: Scope) -> list[tuple[int, float, float]]:
        """Return the last minutes of a scope, open ones as last seen: (minute, people, expected)."""
        if (open_ := self._open.get(scope)) or scope not in self._tracks:
            return open_ or []
        return list(self._settled(self._tracks[scope]).recent)

    def tally(self, scope: Scope, since_us: int) -> tuple[float, float]:
        """Return the people and the expected people of a scope since a minute."""
        rows = [row for row in self.recent(scope) if row[0] >= since_us]
        return sum(row[1] for row in rows), sum(row[2] for row in rows)

    @property
    def scopes(self) -> set[Scope]:
        """The scopes with a history, or with somebody in an open minute."""
        return {*self._tracks, *self._open}

    def _fresh(self) -> _Track:
        silent = self._settled(self._silent)
        detector = Detector(self._width, self._policy.of_scope)
        detector.restore(silent.detector.snapshot())
        return _Track(detector, silent.next_us)

    def _track(self, scope: Scope) -> None:
        if len(self._tracks) > self._policy.most_scopes:
            others = (known for known in self._tracks if known != BRAND)
            gone = min(others, key=lambda known: (self._tracks[known].heard_us, known))
            del self._tracks[gone]
            self._awake.pop(gone, None)
        self._tracks[scope] = self._fresh()


def _sight(scope: Scope, track: _Track, reading: Reading) -> Sight | None:
    if reading.score < HOT:
        return None
    span_us = int((reading.span or timedelta(minutes=1)) / timedelta(microseconds=1))
    first = reading.at_us - span_us + MINUTE_US
    heard = (at for at, people, expected in track.recent if at >= first and people > expected)
    return Sight(scope, reading.at_us, track.began_us, next(heard, reading.at_us), reading.score)
