"""Watches a brand in one direction over minutes that are all known: what BrandWatch says of each, in a fraction of the time."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from journey.alerts.policy import AlertPolicy
from journey.alerts.scope import BRAND, Scope
from journey.alerts.watch import HOT, KEPT, MINUTE_US, NEVER_US, Counts, Sight
from journey.spikes import HIGHEST, Passed, Score

__all__ = ["Closed", "Heard", "Life", "PastWatch"]

_MINUTE = timedelta(minutes=1)
_EVER_US = 2**62


@dataclass(eq=False, slots=True)
class Life:
    """A scope from when it was heard first until others were heard last: a column of the detectors."""

    scope: Scope
    score: Score
    born_us: int
    died_us: int = _EVER_US
    heard_us: int = NEVER_US
    began_us: int = NEVER_US

    def at(self, minute_us: int) -> bool:
        """Return whether a minute is in this life."""
        return self.born_us <= minute_us < self.died_us


@dataclass(slots=True)
class _Stretch:
    """Minutes that follow each other: what was expected, by minute and column, and the people of each life."""

    first_us: int
    expected: NDArray[np.float64]
    column: dict[Life, int]
    people: dict[Life, dict[int, int]]

    @property
    def until_us(self) -> int:
        return self.first_us + len(self.expected) * MINUTE_US


@dataclass(frozen=True, slots=True)
class Closed:
    """Minutes that were closed, and what stood out in each. They may be fewer than were given."""

    minutes: int
    sights: Mapping[int, Sequence[Sight]]
    see_quiet: Callable[[], NDArray[np.bool_]]

    @property
    def quiet(self) -> NDArray[np.bool_]:
        """Whether after each minute nobody could for long be an alarm; it is seen when it is asked for."""
        return self.see_quiet()


@dataclass(slots=True)
class Heard:
    """What one direction hears in minutes: the scopes that have a life by now, all lives, and the people of each."""

    alive: dict[Scope, Life]
    lives: list[Life]
    born: int = 0
    people: dict[Life, dict[int, int]] = field(default_factory=dict)


class PastWatch:
    """A brand and its scopes in one direction, of which `PastWatches` runs the detectors.

    `tally` and `scopes` are those of the minute that was `seen` last.
    """

    def __init__(self, policy: AlertPolicy) -> None:
        self._policy = policy
        self.lives = [self._life(BRAND, NEVER_US)]
        self._first_us = self._seen_us = 0
        self._past: deque[_Stretch] = deque()

    def _life(self, scope: Scope, born_us: int) -> Life:
        policy = self._policy.of_brand if scope == BRAND else self._policy.of_scope
        return Life(scope, Score(policy, _MINUTE.total_seconds()), born_us)

    def listen(self) -> Heard:
        """Return what is to hear minutes: the lives that there are, and nobody so far."""
        return Heard({life.scope: life for life in self.lives}, list(self.lives))

    def hear(self, heard: Heard, minute_us: int, of: Counts) -> None:
        """Give scopes that are heard first a life, as BrandWatch gives them a track; those whose life ends stay among the lives."""
        alive, brand = heard.alive, heard.lives[0]
        for scope in sorted(of.keys() - alive.keys()):
            if len(alive) > self._policy.most_scopes:
                _, gone = min([(life.heard_us, known) for known, life in alive.items() if life is not brand])
                alive.pop(gone).died_us = minute_us
            alive[scope] = life = self._life(scope, minute_us)
            heard.lives.append(life)
            heard.born += 1
        for scope, count in of.items():
            if count and (known := alive.get(scope)) is not None:
                known.heard_us = minute_us
                heard.people.setdefault(known, {})[minute_us] = count

    def learn(self, minute_us: int, heard: Heard, passed: Passed, lives: Sequence[Life], rows: int) -> Closed:
        """Learn of minutes what detectors found in them, which are of `lives` and had seen so many `rows` before.

        Those of other watches may be among the lives.
        """
        while self._past and self._past[0].until_us <= minute_us - KEPT * MINUTE_US:
            self._past.popleft()
        if not rows:
            self._first_us = minute_us
        those = set(heard.lives)
        own = {life: column for column, life in enumerate(lives, 1) if life in those}
        self._past.append(_Stretch(minute_us, passed.expected, own, heard.people))
        sights: dict[int, list[Sight]] = {}
        for one in passed.found:
            life, at_us = lives[one.column - 1], minute_us + one.place * MINUTE_US
            if life not in own or not life.at(at_us):
                continue
            if sight := self._judge(life, at_us, one.each, rows + one.place + 1):
                sights.setdefault(at_us, []).append(sight)
        self.lives = [life for life in heard.lives if life.died_us == _EVER_US]
        return Closed(len(passed.expected), sights, lambda: _quiet(passed.quiet, minute_us, own))

    def _judge(self, life: Life, at_us: int, evidences: Sequence[float], rows: int) -> Sight | None:
        at_s, evidence = at_us / 1_000_000, min(sum(evidences) / len(evidences), HIGHEST)
        score, alarm = life.score.take(at_s, evidence, rows, at_s - self._first_us / 1_000_000)
        if alarm:
            life.began_us = at_us
        if score < HOT:
            return None
        spans = (_MINUTE, *self._policy.of_scope.scales)
        span = spans[max(range(len(evidences)), key=evidences.__getitem__)]
        first_us = at_us - span // timedelta(microseconds=1) + MINUTE_US
        rows_ = self._recent(life, max(first_us, at_us + MINUTE_US - KEPT * MINUTE_US), at_us + MINUTE_US)
        since_us = next((at for at, people, expected in rows_ if people > expected), at_us)
        return Sight(life.scope, at_us, life.began_us, since_us, score)

    def _recent(self, life: Life, since_us: int, until_us: int) -> Iterator[tuple[int, int, float]]:
        """Yield the minutes of a life in a period: (minute, people, expected)."""
        for stretch in self._past:
            column = stretch.column.get(life)
            begin = max(stretch.first_us, life.born_us, since_us)
            end = min(stretch.until_us, until_us)
            if column is None or begin >= end:
                continue
            first, last = ((at_us - stretch.first_us) // MINUTE_US for at_us in (begin, end))
            people, at_us = stretch.people.get(life, {}), begin
            for expected in stretch.expected[first:last, column].tolist():
                yield at_us, people.get(at_us, 0), expected
                at_us += MINUTE_US

    def see(self, minute_us: int) -> None:
        """Look at everything as it was when a minute of the last that were closed had been."""
        self._seen_us = minute_us

    def tally(self, scope: Scope, since_us: int) -> tuple[float, float]:
        """Return the people and the expected people of a scope since a minute, of the last three hours."""
        until_us = self._seen_us + MINUTE_US
        since_us = max(-(-since_us // MINUTE_US) * MINUTE_US, until_us - KEPT * MINUTE_US)
        rows = [
            row
            for life in self._past[-1].column
            if life.scope == scope and life.at(self._seen_us)
            for row in self._recent(life, since_us, until_us)
        ]
        return sum(row[1] for row in rows), sum(row[2] for row in rows)

    @property
    def scopes(self) -> set[Scope]:
        """The scopes with a history."""
        return {life.scope for life in self._past[-1].column if life.at(self._seen_us)}


def _quiet(quiet: NDArray[np.bool_], minute_us: int, columns: Mapping[Life, int]) -> NDArray[np.bool_]:
    quiet = quiet[:, [0, *columns.values()]]
    for place, life in enumerate(columns, 1):
        if life.died_us != _EVER_US:
            quiet[(life.died_us - minute_us) // MINUTE_US :, place] = True
    return np.asarray(quiet.all(axis=1))
