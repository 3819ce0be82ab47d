"""Closes minutes of several watches of the past together: what each would do alone, in less time."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from journey.alerts.past import Closed, Heard, Life, PastWatch
from journey.alerts.policy import AlertPolicy
from journey.alerts.watch import MINUTE_US, Counts
from journey.spikes import Abreast

__all__ = ["PastWatches"]

_MINUTE = timedelta(minutes=1)
_BORN = 200  # scopes that may come up in minutes that are closed together: each is a column for all of them


class PastWatches:
    """Watches of one policy that began with the same minute, and the detectors that they share.

    Minutes follow each other, at most a day of them together.

    Attributes
    ----------
    watches
        The watches, in the order in which `close` takes their counts.
    """

    def __init__(self, policy: AlertPolicy, many: int = 1) -> None:
        self._policy = policy
        self.watches: Sequence[PastWatch] = [PastWatch(policy) for _ in range(many)]
        self._lives: list[Life] = []  # those of the columns from 1 on
        self._detectors: Abreast | None = None

    def part(self, watch: PastWatch) -> "PastWatches":
        """Return one of the watches alone, as it is now; it is closed no more with the others."""
        made = PastWatches(self._policy, 0)
        made.watches, made._lives = [watch], self._lives
        made._detectors = self._detectors and self._detectors.copy()
        made._choose(watch.lives)
        return made

    def most(self, minute_us: int) -> int:
        """Return how many minutes from one on may be closed together."""
        return 1 if self._detectors is None else self._detectors.most(minute_us)

    def close(self, minute_us: int, minutes: int, counts: Sequence[Mapping[int, Counts]]) -> list[Closed]:
        """Learn minutes from `minute_us` on, no more than `most`, with the people of those that have some, by watch.

        Where very many scopes come up, it learns only the first of them: as many in each watch.
        """
        heard, until_us = self._hear(counts, minute_us + minutes * MINUTE_US)
        lives = [life for each in heard for life in each.lives]
        if self._detectors is None:
            first = (each.people.get(life, {}).get(minute_us, 0) for each in heard for life in each.lives)
            self._detectors = Abreast(_MINUTE, self._policy.of_scope, minute_us, [0, *first])
            self._lives, rows, passed = lives, 0, self._detectors.first()
        else:
            self._choose(lives)
            rows, minutes = self._detectors.rows, (until_us - minute_us) // MINUTE_US
            passed = self._detectors.take(minute_us, minutes, self._pairs(heard, minute_us))
        return [
            watch.learn(minute_us, each, passed, lives, rows)
            for watch, each in zip(self.watches, heard, strict=True)
        ]

    def _hear(self, counts: Sequence[Mapping[int, Counts]], until_us: int) -> tuple[list[Heard], int]:
        """Return what each watch hears, and up to when: before the end, where very many scopes come up."""
        heard = [watch.listen() for watch in self.watches]
        for minute_us in sorted(set().union(*counts)):
            if sum(each.born for each in heard) > _BORN:
                return heard, minute_us
            for watch, each, of in zip(self.watches, heard, counts, strict=True):
                if minute_us in of:
                    watch.hear(each, minute_us, of[minute_us])
        return heard, until_us

    def _choose(self, lives: list[Life]) -> None:
        """Have a column of each of these lives; one that is new is a copy of column 0."""
        if self._detectors is not None and lives != self._lives:
            column = {life: place for place, life in enumerate(self._lives, 1)}
            self._detectors.choose([0, *(column.get(life, 0) for life in lives)])
            self._lives = lives

    def _pairs(self, heard: Sequence[Heard], minute_us: int) -> dict[int, list[tuple[int, int]]]:
        """Return the columns and counts of each minute, by its place in the run."""
        column = {life: place for place, life in enumerate(self._lives, 1)}
        pairs: dict[int, list[tuple[int, int]]] = {}
        for each in heard:
            for life, people in each.people.items():
                for at_us, count in people.items():
                    pairs.setdefault((at_us - minute_us) // MINUTE_US, []).append((column[life], count))
        return pairs
