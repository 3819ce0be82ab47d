"""The engine behind a collector in the same process: a thread that drains the log into the tables, batch by batch."""

import logging
import threading
import time
from collections.abc import Iterable, Sequence

from streams.alerts.opening import watching_of
from streams.clock import Clock, system_clock
from streams.collector.problems import place_of
from streams.embedded import Embedded
from streams.log import LogError
from streams.ports import StoreError
from streams.settings import Settings
from streams.telemetry.alerts import samples
from streams.telemetry.metrics import Sample

__all__ = ["Pump"]

_TICK_S = 10.0  # between looks for stages that lapsed
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_log = logging.getLogger(__name__)


class Pump:
    """Opens a data directory in a thread of its own, which alone touches it: the engine in this process serves one.

    Parameters
    ----------
    settings
        What waits is processed, then nothing for `worker.batch_s`, so that few frames are not many inserts.
    """

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self._settings, self._clock = settings, clock
        self._stopping, self._opened = threading.Event(), threading.Event()
        self._failed: BaseException | None = None
        self._embedded: Embedded | None = None
        self._alerts: _Alerts | None = None
        self._error = ""
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self) -> Embedded:
        """Open the directory and finish what a crash left in its log; return it, for its key and model.

        Raises
        ------
        BusyError
            Another process has it open.
        """
        self._thread.start()
        self._opened.wait()
        if self._failed is not None:
            raise self._failed
        assert self._embedded is not None  # noqa: S101 - opened, and nothing failed
        return self._embedded

    def stop(self) -> None:
        """Process what the log has, and close the directory."""
        self._stopping.set()
        self._thread.join()

    def trouble(self) -> Sequence[str]:
        """Return why the log is not drained, nothing while it is."""
        return [f"the engine processes nothing: {self._error}"] if self._error else []

    def samples(self) -> Iterable[Sample]:
        """Return the metrics of alerts, where they are watched for."""
        return self._alerts.samples() if self._alerts is not None else ()

    def _run(self) -> None:
        try:
            embedded = Embedded(self._settings, clock=self._clock)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            self._failed = error
            self._opened.set()
            return
        with embedded:
            try:
                self._alerts = alerts = _Alerts(embedded)
            except BaseException as error:  # noqa: BLE001 - as above
                self._failed = error
                self._opened.set()
                return
            self._embedded = embedded
            self._opened.set()
            self._drain(embedded, alerts)
            alerts.stop()

    def _drain(self, embedded: Embedded, alerts: "_Alerts") -> None:
        pause_s, ticked_s = 0.0, time.monotonic()
        while not self._stopping.wait(pause_s or self._settings.worker.batch_s):
            try:
                waits, idle = embedded.log.last, True
                while (
                    embedded.log.committed < waits
                    and embedded.step() is not None
                    and not self._stopping.is_set()
                ):
                    idle = False
                alerts.look(idle=idle)
                if time.monotonic() - ticked_s > _TICK_S:
                    embedded.tick()
                    ticked_s = time.monotonic()
                pause_s, self._error = 0.0, ""
            except Exception as error:  # noqa: BLE001 - whatever it is, the log keeps what was accepted
                pause_s = min(max(_FIRST_PAUSE_S, 2 * pause_s), _LONGEST_PAUSE_S)
                self._error = str(error) if isinstance(error, StoreError | LogError) else place_of(error)
                _log.warning("nothing is lost; trying again in %.0f s: %s", pause_s, self._error)
        self._finish(embedded)

    def _finish(self, embedded: Embedded) -> None:
        try:
            embedded.drain()
        except Exception as error:  # noqa: BLE001 - the next start goes on from here
            _log.warning("what waits in the log is processed at the next start: %s", place_of(error))


class _Alerts:
    """Watches for alerts where there is a file of receivers; what goes wrong here does not hold up the engine."""

    def __init__(self, embedded: Embedded) -> None:
        self._watching = watching_of(embedded) if embedded.settings.alerts is not None else None
        self._fresh, self._not_before_s = False, 0.0

    def look(self, *, idle: bool) -> None:
        """Look at what was written, if it is time to."""
        self._fresh = self._fresh or not idle
        if self._watching is None or time.monotonic() < self._not_before_s:
            return
        try:
            if self._watching.step(idle=not self._fresh) is not None:
                self._fresh = False
        except Exception as error:  # noqa: BLE001 - the store has what is needed to begin anew
            self._not_before_s = time.monotonic() + _LONGEST_PAUSE_S
            _log.warning("alerts: looking again in %.0f s: %s", _LONGEST_PAUSE_S, place_of(error))

    def samples(self) -> Iterable[Sample]:
        """Return what there is to measure."""
        return samples(self._watching.state) if self._watching is not None else ()

    def stop(self) -> None:
        """End deliveries; what was not sent is sent after the next start."""
        if self._watching is not None:
            self._watching.stop()
