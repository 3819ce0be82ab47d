"""Provides the watcher's time: the system clock, except that a jump ahead is believed only after a minute."""

import logging
import time
from collections.abc import Callable

from streams.clock import Clock, duration

__all__ = ["JudgedClock", "steady_s"]

_FORWARD_US, _BACK_US = 60_000_000, 1_000_000  # jumps that are noticed
_DOUBT_S = 60.0
_log = logging.getLogger(__name__)


def steady_s() -> float:
    """Return seconds that nobody sets; a machine that sleeps counts them too, so that its clock does not jump."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class JudgedClock:
    """A clock that reads the time and detects jumps of the system clock.

    A clock that goes ahead by more than a minute is believed once it has stayed there for a minute: until then time goes on
    from where it was. What would be closed, and found over, by a wrong clock is then still open. A clock that goes back is
    believed at once.

    Parameters
    ----------
    steady
        Seconds that nobody sets; None believes every jump ahead at once.
    """

    def __init__(self, clock: Clock, steady: Callable[[], float] | None = steady_s) -> None:
        self._clock, self._steady = clock, steady
        self._last_us, self._last_s = 0, 0.0
        self._doubted_s: float | None = None
        self.ahead_us = 0

    def read(self) -> tuple[int, int]:
        """Return the time in microseconds since 1970, and by how many microseconds it went back, 0 if it did not."""
        told_us, now_s = self._clock(), self._steady() if self._steady else 0.0
        if not self._last_us:
            self._last_us, self._last_s = told_us, now_s
            return told_us, 0
        due_us = self._last_us + int((now_s - self._last_s) * 1e6) if self._steady else told_us
        now_us = due_us if self._is_doubtful(told_us - due_us, now_s) else told_us
        back_us = self._last_us - now_us
        self._last_us, self._last_s = now_us, now_s
        if back_us <= _BACK_US:
            return now_us, 0
        _log.warning("the clock went back by %s", duration(back_us / 1e6))
        return now_us, back_us

    def _is_doubtful(self, ahead_us: int, now_s: float) -> bool:
        """Return whether the clock is ahead, and has not been for long enough to be believed."""
        if ahead_us <= _FORWARD_US:
            if self._doubted_s is not None:
                _log.warning("the clock is right again")
            self._doubted_s, self.ahead_us = None, 0
            return False
        if self._doubted_s is None:
            self._doubted_s = now_s
            said = "the clock went ahead by %s: it is believed once it has stayed so for %.0f s"
            _log.warning(said, duration(ahead_us / 1e6), _DOUBT_S)
        self.ahead_us = ahead_us
        if now_s - self._doubted_s < _DOUBT_S:
            return True
        self._doubted_s, self.ahead_us = None, 0
        return False
