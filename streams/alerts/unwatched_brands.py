"""Tracks brands that cannot be watched now, with the reason and the time of the next retry."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from streams.clock import duration
from streams.http.problems import place_of
from streams.store.clickhouse import QueryError
from streams.store.port import StoreError

__all__ = ["Unwatched"]

_FIRST_S, _LONGEST_S = 30.0, 600.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Failure:
    why: str
    tries: int
    due_s: float
    is_waiting: bool = True  # and not tried just now


class Unwatched:
    """The brands that failed, each retried after 30 s, a minute, … up to ten minutes.

    Parameters
    ----------
    steady
        Seconds that nobody sets.
    """

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._failures: dict[str, _Failure] = {}

    @property
    def brands(self) -> set[str]:
        """The brands."""
        return set(self._failures)

    def failed(self, brand: str, error: Exception) -> None:
        """Note that a brand cannot be watched."""
        tries = self._failures[brand].tries + 1 if brand in self._failures else 1
        pause_s = min(_LONGEST_S, _FIRST_S * 2.0 ** (tries - 1))
        why = str(error) if isinstance(error, QueryError | StoreError) else place_of(error)
        self._failures[brand] = _Failure(why, tries, self._steady() + pause_s)
        _log.warning("alerts: brand %s is not watched, tried again in %s: %s", brand, duration(pause_s), why)

    def due(self) -> list[str]:
        """Return the brands that are to be tried again, each once."""
        now_s = self._steady()
        due = [name for name, one in self._failures.items() if one.is_waiting and now_s >= one.due_s]
        for name in due:
            self._failures[name].is_waiting = False
        return due

    def looked(self, brand: str) -> None:
        """Note that a brand was looked at."""
        self._failures.pop(brand, None)

    def warnings(self) -> Iterator[tuple[str, str]]:
        """Yield each brand that is not tried just now with why, in words."""
        for name, one in self._failures.items():
            if one.is_waiting:
                yield name, f"alerts: brand {name} is not watched, and tried again soon: {one.why}"
