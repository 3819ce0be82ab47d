"""Expires interactions beside the engine of `journey up`, and lets go of idle handles: what is due is looked for once an hour."""

import logging
import threading
from collections.abc import Callable

from streams.embedded.embedded import Embedded
from streams.process.degraded import Degraded
from streams.retention.idle import idle
from streams.retention.terms import horizon_of, idle_months
from streams.services.control_tasks import Asked, begun
from streams.services.engine_thread import EndingError
from streams.services.long_work import FINISHED, BusyError, LongWork
from streams.store.clickhouse import ClickHouse

__all__ = ["ExpiryThread"]

_FIRST_S, _EVERY_S = 60.0, 3_600.0
_WHO = "the retention of interactions"
_KEY = "retention"
_log = logging.getLogger(__name__)


class ExpiryThread:
    """A thread that expires what is due; where it fails, /health says so until it succeeds.

    Parameters
    ----------
    first_s, every_s
        Seconds until the first look, and between two.
    """

    def __init__(
        self, long: LongWork, degraded: Degraded, *, first_s: float = _FIRST_S, every_s: float = _EVERY_S
    ) -> None:
        self._long, self._degraded = long, degraded
        self._first_s, self._every_s = first_s, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """Begin with nothing more; returns at once."""
        self._stopping.set()

    def _run(self) -> None:
        pause_s = self._first_s
        while not self._stopping.wait(pause_s):
            pause_s = self._every_s
            try:
                self._expire()
            except (EndingError, _EndedError):
                return
            except BusyError as error:
                _log.info("interactions expire later: %s", error)
                pause_s = self._first_s
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                _log.exception("interactions that are due have not expired")
                self._degraded.set(_KEY, f"interactions that are due have not expired: {error}")
            else:
                self._degraded.clear(_KEY)

    def _expire(self) -> None:
        asked = Asked({"late_too": False}, _nothing, _nothing, self._check, self._degraded, _WHO, _nothing)
        with self._long.turn(_WHO):
            if not self._long.can_do("expire", asked):
                return  # /health says what is lost, and an erasure is finished first
            for found in self._long.done("expire", asked, FINISHED):
                _log.info("%(brand)s: %(events)s interactions before %(horizon)s have expired", found)
            now_us = self._long.between(lambda embedded: embedded.clock())
            with self._long.connection(
                FINISHED
            ) as store:  # beside the engine, which is held only where some are
                is_due = _has_idle(store, now_us)
            if is_due and (count := self._long.between(begun("let_go", asked))):
                _log.info("%s handles of which nothing was heard are let go of", count)

    def _check(self) -> None:
        if self._stopping.is_set():
            raise _EndedError


def _has_idle(store: ClickHouse, now_us: int) -> bool:
    """Return whether any handle is idle."""
    months = idle_months(store)
    return bool(months) and bool(len(idle(store, horizon_of(now_us, months))))


class _EndedError(Exception):
    """The process is to end."""


def _nothing(_: Embedded | Callable[[], None] | dict[str, object]) -> None:
    """Do nothing."""
