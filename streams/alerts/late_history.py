"""Detects late events in minutes that detectors have learned, and decides which brands to feed again, and when."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from journey.alerts import MINUTE_US
from streams.alerts.counts import Signal, Stored
from streams.alerts.warm_up import HISTORY

__all__ = ["LateHistory"]

_LEAST, _SHARE = 10, 20  # late interactions that matter: so many, and one in so many of the brand's
_EARLIER_US = 60 * MINUTE_US  # by so much an earlier first minute matters
_SETTLED_S, _PATIENT_S = 8.0, 60.0
_LONGEST_S = 1_800.0
_EVERY_S, _COST = 5.0, 50  # between looks; and so many times as long as the last one took


@dataclass(slots=True)
class _Known:
    """The counts of a brand at the last look, and the events that came late since it was fed."""

    first_us: int
    touches: int | None  # None until the first look
    late: int = 0
    is_older: bool = False
    noticed_s: float = 0.0
    moved_s: float = 0.0
    fed_s: float = float("-inf")
    pause_s: float = _PATIENT_S

    @property
    def matters(self) -> bool:
        return self.is_older or (self.late >= _LEAST and self.late * _SHARE >= (self.touches or 0))


class LateHistory:
    """A comparison of the counts of closed minutes with those that detectors were fed.

    A brand is fed again eight seconds after its history stopped to grow; while a load goes on, after a minute, and then after
    pauses that double up to half an hour.
    """

    def __init__(
        self, signal: Signal, closed_until: Callable[[int], int], steady_s: Callable[[], float]
    ) -> None:
        self._signal, self._closed_until, self._steady_s = signal, closed_until, steady_s
        self._known: dict[str, _Known] = {}
        self._period = (0, 0)
        self._due_s = float("-inf")

    def found(self, now_us: int) -> dict[str, int]:
        """Return the brands that are to be fed again, with their first minutes; seldom asks the store.

        Raises
        ------
        StoreError, QueryError
            It is not known; ask again.
        """
        began_s = self._steady_s()
        if began_s < self._due_s:
            return {}
        closed_us = self._closed_until(now_us)
        period = (closed_us - HISTORY // timedelta(microseconds=1), closed_us)
        stored = self._signal.stored(self._period, period)
        self._period = period
        again = {
            brand: one.first_us for brand, one in stored.items() if self._is_due(brand, one, period, began_s)
        }
        now_s = self._steady_s()
        self._due_s = now_s + max(_EVERY_S, _COST * (now_s - began_s))
        return again

    def _is_due(self, brand: str, stored: Stored, period: tuple[int, int], now_s: float) -> bool:
        known = self._known.get(brand)
        if known is None:
            self._known[brand] = _Known(stored.first_us, stored.now)
            return False
        late = 0 if known.touches is None else abs(stored.before - known.touches)
        older = known.first_us - stored.first_us >= _EARLIER_US and known.first_us > period[0]
        if late or older:
            known.moved_s = now_s
            known.noticed_s = known.noticed_s if known.matters else now_s
            known.late, known.is_older = known.late + late, known.is_older or older
        known.first_us, known.touches = min(known.first_us, stored.first_us), stored.now
        return known.matters and _is_time(known, now_s)

    def fed(self, brands: Mapping[str, int]) -> None:
        """Note that brands are fed from the store as it is now, with their first minutes."""
        now_s = self._steady_s()
        for brand, first_us in brands.items():
            if (known := self._known.get(brand)) is None:
                self._known[brand] = _Known(first_us, None)
                self._due_s = float("-inf")  # what comes from now on is late
            else:
                settled = now_s - known.moved_s >= _SETTLED_S
                known.pause_s = _PATIENT_S if settled else min(_LONGEST_S, 2 * known.pause_s)
                known.late, known.is_older, known.fed_s = 0, False, now_s


def _is_time(known: _Known, now_s: float) -> bool:
    if now_s - known.moved_s >= _SETTLED_S:
        return now_s - known.fed_s >= _PATIENT_S
    return now_s - known.noticed_s >= _PATIENT_S and now_s - known.fed_s >= known.pause_s
