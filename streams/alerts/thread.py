"""Runs the alert loop in the engine's process, on a thread and a connection of its own."""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import closing

from streams.alerts.loop import AlertLoop
from streams.alerts.telemetry import samples
from streams.http.problems import place_of
from streams.process.degraded import Degraded
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.port import StoreError
from streams.telemetry.metrics import Sample

__all__ = ["AlertThread"]

_LOOK_S, _FEED_PAUSE_S = 0.1, 0.06  # between steps, and between slices of feeding: the engine has its turn
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_STOP_S = 2.0
_SWITCH_S = 0.001  # for which a thread that computes keeps others waiting, 5 ms by default: feeding computes
_log = logging.getLogger(__name__)


class AlertThread:
    """A thread that watches until it is stopped; errors here block nobody else.

    Parameters
    ----------
    open_store
        Opens the connection, in the thread.
    make
        Makes what watches on it.
    degraded
        Registry for why nothing is looked at.
    """

    def __init__(
        self,
        open_store: Callable[[], ClickHouse],
        make: Callable[[ClickHouse], AlertLoop],
        degraded: Degraded,
    ) -> None:
        self._open, self._make, self._degraded = open_store, make, degraded
        self._stopping, self._made, self._news = threading.Event(), threading.Event(), threading.Event()
        self._failed: BaseException | None = None
        self._watching: AlertLoop | None = None
        self._thread = threading.Thread(target=self._run, name="alerts")

    def start(self) -> None:
        """Begin; returns once receivers and rules are known to be usable.

        Raises
        ------
        SettingsError
            They are not.
        """
        self._thread.start()
        self._made.wait()
        if self._failed is not None:
            raise self._failed

    def wrote(self) -> None:
        """Say that the tables have more; for the engine's thread, which does not wait here."""
        self._news.set()
        if self._watching is not None:
            self._watching.wrote()

    def samples(self) -> Iterable[Sample]:
        """Return what there is to measure."""
        return samples(self._watching.state) if self._watching is not None else ()

    def stop(self) -> None:
        """End; a step in hand is waited for, but not for long. What was not sent is sent after the next start."""
        self._stopping.set()
        self._news.set()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        try:
            with closing(self._open()) as store:
                self._watching = watching = self._make(store)
                self._made.set()
                try:
                    self._watch(watching)
                finally:
                    self._end(watching)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            self._failed = error
        finally:
            self._made.set()

    def _watch(self, watching: AlertLoop) -> None:
        sys.setswitchinterval(_SWITCH_S)
        fresh, pause_s = True, 0.0
        while not self._stopping.is_set():
            fresh = fresh or self._news.is_set()
            self._news.clear()
            try:
                if watching.step(idle=not fresh) is not None:
                    fresh = False
                if pause_s:
                    pause_s = 0.0
                    self._degraded.clear(("alerts", "look"))
            except Exception as error:  # noqa: BLE001 - the store has what is needed to go on
                pause_s = min(max(_FIRST_PAUSE_S, 2 * pause_s), _LONGEST_PAUSE_S)
                self._say(error, pause_s)
            self._stopping.wait(pause_s or (_FEED_PAUSE_S if watching.is_feeding else _LOOK_S))

    def _say(self, error: Exception, pause_s: float) -> None:
        why = str(error) if isinstance(error, StoreError | QueryError) else place_of(error)
        _log.warning("alerts: looking again in %.0f s: %s", pause_s, why)
        self._degraded.set(("alerts", "look"), f"alerts: nothing is looked at, tried again soon: {why}")

    def _end(self, watching: AlertLoop) -> None:
        try:
            watching.stop()
        except Exception as error:  # noqa: BLE001 - what was not booked is sent again
            _log.warning("alerts: not ended cleanly: %s", place_of(error))
