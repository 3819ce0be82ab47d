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
from journey.spikes import HIGHEST, Abreast, Score

__all__ = ["Closed", "PastWatch"]

_MINUTE = timedelta(minutes=1)
_EVER_US = 2**62
_BORN = 200  # scopes that may come up in minutes that are closed together: each is a column for all of them


@dataclass(eq=False, slots=True)
class _Life:
    """A scope from when it was heard first until others were heard last: a column of the detectors."""

    scope: Scope
    score: Score
    born_us: int
    died_us: int = _EVER_US
    heard_us: int = NEVER_US
    began_us: int = NEVER_US

    def at(self, minute_us: int) -> bool:
        return self.born_us <= minute_us < self.died_us


@dataclass(slots=True)
class _Stretch:
    """Minutes that follow each other: what was expected, by minute and column, and the people of each life."""

    first_us: int
    expected: NDArray[np.float64]
    column: dict[_Life, int]
    people: dict[_Life, dict[int, int]]

    @property
    def until_us(self) -> int:
        return self.first_us + len(self.expected) * MINUTE_US


@dataclass(frozen=True, slots=True)
class Closed:
    """Minutes that were closed: what stood out in each. They may be fewer than were given."""

    minutes: int
    sights: Mapping[int, Sequence[Sight]]
    see_quiet: Callable[[], NDArray[np.bool_]]

    @property
    def quiet(self) -> NDArray[np.bool_]:
        """Whether after each minute nobody could for long be an alarm; it is seen when it is asked for."""
        return self.see_quiet()


@dataclass(slots=True)
class _Heard:
    """The people of minutes up to some time, by the lives that they fall into."""

    until_us: int
    lives: list[_Life]
    people: dict[_Life, dict[int, int]] = field(default_factory=dict)


class PastWatch:
    """The detectors of a brand and its scopes. Minutes follow each other, at most a day of them together.

    `tally` and `scopes` are those of the minute that was `seen` last.
    """

    def __init__(self, policy: AlertPolicy) -> None:
        self._policy = policy
        self._lives = [self._life(BRAND, NEVER_US)]
        self._detectors: Abreast | None = None
        self._first_us = self._seen_us = 0
        self._past: deque[_Stretch] = deque()

    def _life(self, scope: Scope, born_us: int) -> _Life:
        policy = self._policy.of_brand if scope == BRAND else self._policy.of_scope
        return _Life(scope, Score(policy, _MINUTE.total_seconds()), born_us)

    def most(self, minute_us: int) -> int:
        """Return how many minutes from one on may be closed together."""
        return 1 if self._detectors is None else self._detectors.most(minute_us)

    def close(self, minute_us: int, minutes: int, counts: Mapping[int, Counts]) -> Closed:
        """Learn minutes from `minute_us` on, no more than `most`, with the people of those that have some.

        Where very many scopes come up, it learns only the first of them.
        """
        while self._past and self._past[0].until_us <= minute_us - KEPT * MINUTE_US:
            self._past.popleft()
        before = {life: column for column, life in enumerate(self._lives, 1)}
        heard = self._hear(counts, minute_us + minutes * MINUTE_US)
        minutes = (heard.until_us - minute_us) // MINUTE_US
        columns = {life: column for column, life in enumerate(heard.lives, 1)}
        if self._detectors is None:
            return self._start(minute_us, heard, columns)
        if heard.lives != self._lives:
            self._detectors.choose([0, *(before.get(life, 0) for life in heard.lives)])
        pairs: dict[int, list[tuple[int, int]]] = {}
        for life, people in heard.people.items():
            for at_us, count in people.items():
                pairs.setdefault((at_us - minute_us) // MINUTE_US, []).append((columns[life], count))
        rows = self._detectors.rows
        passed = self._detectors.take(minute_us, minutes, pairs)
        self._past.append(_Stretch(minute_us, passed.expected, columns, heard.people))
        sights: dict[int, list[Sight]] = {}
        for one in passed.found:
            life, at_us = heard.lives[one.column - 1], minute_us + one.place * MINUTE_US
            if life.at(at_us) and (sight := self._judge(life, at_us, one.each, rows + one.place + 1)):
                sights.setdefault(at_us, []).append(sight)
        self._lives = [life for life in heard.lives if life.died_us == _EVER_US]
        if self._lives != heard.lives:
            self._detectors.choose([0, *(columns[life] for life in self._lives)])
        return Closed(minutes, sights, lambda: self._quiet(passed.quiet, minute_us, columns))

    def _start(self, minute_us: int, heard: _Heard, columns: dict[_Life, int]) -> Closed:
        counts = [0, *(heard.people.get(life, {}).get(minute_us, 0) for life in heard.lives)]
        self._detectors = Abreast(_MINUTE, self._policy.of_scope, minute_us, counts)
        self._first_us, self._lives = minute_us, heard.lives
        self._past.append(_Stretch(minute_us, np.zeros((1, len(counts))), columns, heard.people))
        quiet = self._detectors.quiet[None]
        return Closed(1, {}, lambda: self._quiet(quiet, minute_us, columns))

    @staticmethod
    def _quiet(quiet: NDArray[np.bool_], minute_us: int, columns: Mapping[_Life, int]) -> NDArray[np.bool_]:
        for life, column in columns.items():
            if life.died_us != _EVER_US:
                quiet[(life.died_us - minute_us) // MINUTE_US :, column] = True
        return np.asarray(quiet.all(axis=1))

    def _hear(self, counts: Mapping[int, Counts], until_us: int) -> _Heard:
        """Give scopes that are heard first a life, as BrandWatch gives them a track; the lives that end are among these too."""
        alive = {life.scope: life for life in self._lives}
        heard = _Heard(until_us, list(self._lives))
        for minute_us in sorted(counts):
            if len(heard.lives) > len(self._lives) + _BORN:
                heard.until_us = minute_us
                break
            of = counts[minute_us]
            for scope in sorted(of.keys() - alive.keys()):
                if len(alive) > self._policy.most_scopes:
                    others = (known for known in alive if known != BRAND)
                    gone = min(others, key=lambda known: (alive[known].heard_us, known))
                    alive.pop(gone).died_us = minute_us
                alive[scope] = life = self._life(scope, minute_us)
                heard.lives.append(life)
            for scope, count in of.items():
                if count and (known := alive.get(scope)) is not None:
                    known.heard_us = minute_us
                    heard.people.setdefault(known, {})[minute_us] = count
        return heard

    def _judge(self, life: _Life, at_us: int, evidences: Sequence[float], rows: int) -> Sight | None:
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

    def _recent(self, life: _Life, since_us: int, until_us: int) -> Iterator[tuple[int, int, float]]:
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
