"""Pauses before retries: twice as long each time, with jitter, and ended early when the process is to stop."""

import logging
import secrets
from collections.abc import Callable
from threading import Event

from streams.process.retries import doubled_s

__all__ = ["Pauses"]

_FIRST_S, _LONGEST_S = 0.5, 60.0
_chance = secrets.SystemRandom()
_log = logging.getLogger(__name__)


class Pauses:
    """The pauses between attempts that fail, one after the other.

    Parameters
    ----------
    asked
        Set when the process is to stop: then no pause is waited for.
    """

    def __init__(
        self,
        asked: Event,
        first_s: float = _FIRST_S,
        chance: Callable[[float, float], float] = _chance.uniform,
    ) -> None:
        self._asked, self._first_s, self._chance = asked, first_s, chance
        self.failed = 0

    def well(self) -> None:
        """Note that it works: the next pause is the first again."""
        self.failed = 0

    def wait(self, why: str, asked_s: float = 0.0) -> bool:
        """Say why and wait, half to all of what doubling gives, or as long as the other side asked for.

        Return False where the process is to stop.
        """
        pause_s = doubled_s(self.failed, self._first_s, _LONGEST_S, asked_s, self._chance)
        self.failed += 1
        if not self._asked.is_set():
            _log.warning("%s; trying again in %.1f s", why, pause_s)
        return not self._asked.wait(pause_s)
