"""Feeds detectors with stored history in slices, between which the caller may look at new minutes, or end."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from journey.alerts import MINUTE_US, AlertPolicy
from streams.alerts.brand_detectors import BrandDetectors
from streams.alerts.counts import Minutes, Signal, Watched
from streams.store.clickhouse import QueryError

__all__ = ["HISTORY", "Feeding"]

HISTORY = timedelta(days=8)  # that detectors are fed at a start: their level remembers a week
_DAY_US = 86_400_000_000
_PART_US = 120 * MINUTE_US
_MOST_BRANDS = 50  # whose counts are asked for together: a query costs much the same for one and for many
_log = logging.getLogger(__name__)

Enough = Callable[[], bool]
Failed = Callable[[str, Exception], None]


@dataclass(slots=True)
class _Group:
    """Brands that are fed together, a day after the other."""

    brands: dict[str, BrandDetectors]
    began_us: int
    at_us: int  # up to which all of them have been fed
    slice_until_us: int = 0
    counts: Mapping[Watched, Minutes] | None = None
    unfed: deque[str] = field(default_factory=deque)


class Feeding:
    """A feeder of the detectors of those brands that were asked for, a group at a time.

    Parameters
    ----------
    closed_until
        Returns the first minute that is open at an instant.
    failed
        Called with a brand that cannot be fed, and why; the others go on.
    """

    def __init__(
        self, signal: Signal, policy: AlertPolicy, closed_until: Callable[[int], int], failed: Failed
    ) -> None:
        self._signal, self._policy, self._closed_until, self._failed = signal, policy, closed_until, failed
        self._waiting: dict[str, int] = {}  # brand to its first minute
        self._group: _Group | None = None

    def ask(self, brand: str, first_us: int) -> None:
        """Have a brand fed, whose first interaction is of a minute."""
        self._waiting[brand] = first_us

    def forget(self) -> None:
        """Feed none of those that were asked for."""
        self._waiting.clear()
        self._group = None

    @property
    def brands(self) -> set[str]:
        """Those that are fed, or wait for it."""
        return {*self._waiting, *(self._group.brands if self._group else ())}

    def progress(self) -> Iterator[tuple[str, str]]:
        """Yield each brand with how far it is, in words."""
        whole = HISTORY // timedelta(days=1)
        if (group := self._group) is not None:
            days = min(whole, (group.at_us - group.began_us) // _DAY_US)
            for brand in group.brands:
                yield brand, f"alerts: brand {brand} is being fed: {days} of {whole} days"
        for brand in self._waiting:
            yield brand, f"alerts: brand {brand} waits to be fed with {whole} days"

    def feed(self, now_us: int, enough: Enough) -> list[BrandDetectors]:
        """Feed until there is `enough`, or nothing left to feed; return the brands that are fed.

        Raises
        ------
        StoreError
            The store does not answer; nothing is lost.
        """
        done: list[BrandDetectors] = []
        while not enough():
            if self._group is None:
                self._group = self._next(now_us)
            group = self._group
            if group is None:
                break
            self._feed(group, now_us, enough)
            if not group.brands:
                self._group = None
            elif self._is_fed(group, now_us) and all(one.settle(enough) for one in group.brands.values()):
                done += group.brands.values()
                self._group = None
        return done

    def _is_fed(self, group: _Group, now_us: int) -> bool:
        return group.counts is None and group.at_us >= self._closed_until(now_us)

    def _next(self, now_us: int) -> _Group | None:
        """Take the next brands that wait."""
        if not self._waiting:
            return None
        start_us = self._closed_until(now_us - HISTORY // timedelta(microseconds=1))
        open_us = self._closed_until(now_us)
        names = list(self._waiting)[:_MOST_BRANDS]
        brands = {
            name: BrandDetectors(
                name, self._policy, min(max(start_us, self._waiting.pop(name)), open_us)
            )  # a first event may be dated ahead
            for name in names
        }
        return _Group(brands, start_us, min(one.next_us for one in brands.values()))

    def _feed(self, group: _Group, now_us: int, enough: Enough) -> None:
        """Feed a slice of a day at most."""
        if group.counts is None:
            until_us = min(group.at_us + _DAY_US, self._closed_until(now_us))
            if until_us <= group.at_us:
                return
            group.counts = self._asked(group, until_us)
            group.slice_until_us, group.unfed = until_us, deque(group.brands)
        while group.unfed and not enough():
            name = group.unfed[0]
            try:
                is_fed = self._feed_brand(group.brands[name], group, enough)
            except Exception as error:  # noqa: BLE001 - of one brand: the others are fed all the same
                group.brands.pop(name)
                self._failed(name, error)
                is_fed = True
            if is_fed:
                group.unfed.popleft()
        if not group.unfed:
            group.at_us, group.counts = group.slice_until_us, None

    def _feed_brand(self, brand: BrandDetectors, group: _Group, enough: Enough) -> bool:
        """Feed a brand the slice, a part after the other; return whether it has it."""
        assert group.counts is not None  # noqa: S101 - of a slice that was asked for
        while brand.next_us < group.slice_until_us:
            brand.close(group.counts, min(brand.next_us + _PART_US, group.slice_until_us))
            if enough():
                break
        return brand.next_us >= group.slice_until_us

    def _asked(self, group: _Group, until_us: int) -> Mapping[Watched, Minutes]:
        """Return the counts of a slice; a brand whose counts cannot be had is let go of."""
        try:
            return self._signal.counts(group.at_us, until_us, list(group.brands))
        except QueryError as error:
            if len(group.brands) > 1:
                _log.warning("alerts: brands are asked for one by one: %s", error)
        return self._one_by_one(group, until_us)

    def _one_by_one(self, group: _Group, until_us: int) -> Mapping[Watched, Minutes]:
        found: dict[Watched, Minutes] = {}
        for name in list(group.brands):
            try:
                found |= self._signal.counts(group.at_us, until_us, [name])
            except QueryError as error:
                group.brands.pop(name)
                self._failed(name, error)
        return found
