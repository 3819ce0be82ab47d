"""Holds the spike detectors of one brand, for both directions, and the minute up to which they have been fed."""

from collections.abc import Callable, Mapping

from journey.alerts import MINUTE_US, AlertPolicy, BrandWatch, Counts, Sight
from streams.alerts.counts import DIRECTIONS, Minutes, Watched

__all__ = ["BrandDetectors"]

_NOBODY: Minutes = {}
_SETTLED_MIN = 60  # empty minutes that a detector is given together while it is looked at


class BrandDetectors:
    """The detectors of a watched brand. After an error they may differ in what they were fed: make new ones.

    Attributes
    ----------
    next_us
        The first minute that is open.
    sights
        What stood out in closed minutes, by direction, until a look has made of it what there is to be made.
    """

    def __init__(self, name: str, policy: AlertPolicy, next_us: int) -> None:
        self.name, self.next_us = name, next_us
        self.watches = {direction: BrandWatch(policy) for direction in DIRECTIONS}
        self.sights: dict[str, list[Sight]] = {direction: [] for direction in DIRECTIONS}
        self._heard: set[str] = set()

    def close(self, counts: Mapping[Watched, Minutes], until_us: int) -> None:
        """Feed the minutes from `next_us` to `until_us`, which will not change any more."""
        for direction, watch in self.watches.items():
            minutes = counts.get((self.name, direction), _NOBODY)
            at_us = self.next_us
            for minute_us in sorted(minute for minute in minutes if at_us <= minute < until_us):
                self._heard.add(direction)
                self._saw(direction, watch.close_empty(at_us, (minute_us - at_us) // MINUTE_US))
                self._saw(direction, watch.close(minute_us, minutes[minute_us]))
                at_us = minute_us + MINUTE_US
            self._saw(direction, watch.close_empty(at_us, max(0, until_us - at_us) // MINUTE_US))
        self.next_us = max(self.next_us, until_us)

    def _saw(self, direction: str, sights: list[Sight]) -> None:
        self.sights[direction] += sights

    def open(
        self, counts: Mapping[Watched, Minutes], direction: str, now_us: int
    ) -> list[tuple[int, Counts]]:
        """Return the minutes of a direction that are open, each with its people so far."""
        minutes = counts.get((self.name, direction), _NOBODY)
        return [
            (minute, minutes.get(minute, {}))
            for minute in range(self.next_us, now_us // MINUTE_US * MINUTE_US + 1, MINUTE_US)
        ]

    def settle(self, enough: Callable[[], bool] = lambda: False, *, least: int = 1) -> bool:
        """Feed detectors that had people the empty minutes before that; return whether all have them."""
        return all(
            self.watches[direction].settle(least=least, enough=enough) for direction in sorted(self._heard)
        )

    def settle_some(self) -> None:
        """Give detectors empty minutes where an hour of them waits: little each time, and never much at once."""
        self.settle(least=_SETTLED_MIN)
