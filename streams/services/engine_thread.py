"""Runs the engine behind a collector in the same process: a thread that drains the log into the tables by batches."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from journey.errors import UserError
from streams.alerts.setup import watching_of
from streams.alerts.thread import AlertThread
from streams.clock import Clock, system_clock
from streams.embedded.embedded import Embedded
from streams.http.problems import place_of
from streams.log.local import LogError
from streams.process.degraded import Degraded
from streams.services.repair import mend
from streams.settings import Settings
from streams.store.connections import opener
from streams.store.port import StoreError
from streams.telemetry.metrics import Sample

__all__ = ["EndingError", "EngineThread"]

Result = TypeVar("Result")

_TICK_S = 10.0  # between looks for stages that lapsed
_FINISH_S = 1.0  # at the end, of what waits in the log: the next start processes the rest
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_LOOK_S = 0.1
_log = logging.getLogger(__name__)


class EndingError(UserError, RuntimeError):
    """An error of a task that was not begun, since the process ends."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Work between two batches, and its result."""

    work: Callable[[Embedded], Any]
    result: Future[Any] = field(default_factory=Future)


class EngineThread:
    """A thread that opens a data directory and alone touches it: the engine in this process serves one thread.

    Parameters
    ----------
    settings
        What waits is processed, then nothing for `worker.batch_s`, so that few frames are not many inserts.

    Attributes
    ----------
    degraded
        What does not work as it should while the log is drained, set by any part of this process.
    """

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self._settings, self._clock = settings, clock
        self.degraded = Degraded()
        self._stopping, self._opened = threading.Event(), threading.Event()
        self._failed: BaseException | None = None
        self._embedded: Embedded | None = None
        self._alerts: AlertThread | None = None
        self._error = ""
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self) -> Embedded:
        """Open the directory and finish what a crash left in its log; return it, for its key and model.

        Raises
        ------
        DirectoryInUseError
            Another process has it open.
        """
        self._thread.start()
        self._opened.wait()
        if self._failed is not None:
            raise self._failed
        assert self._embedded is not None  # noqa: S101 - opened, and nothing failed
        return self._embedded

    def stop(self) -> None:
        """Finish the batch in hand, and close the directory; what waits in the log is processed at the next start."""
        self._stopping.set()
        self._tasks.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, work: Callable[[Embedded], Result]) -> "Future[Result]":
        """Have a function called between two batches, in the engine's thread; what it raises is in the future.

        A state that a failure left ahead of the store is restored from there.
        """
        task = _Task(work)
        self._tasks.put(task)
        if self._stopping.is_set() and not self._thread.is_alive():
            self._refuse_tasks()
        return task.result

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the engine between two batches meanwhile, and have it restore its state afterwards."""
        over, begun = threading.Event(), threading.Event()

        def hold(embedded: Embedded) -> None:
            begun.set()
            while not over.wait(_LOOK_S) and not self._stopping.is_set():
                pass
            embedded.let_go_of_state()

        held = self.submit(hold)
        while not begun.wait(_LOOK_S) and not held.done():
            pass
        if not begun.is_set():
            held.result()  # says why not
        try:
            yield
        finally:
            over.set()
            held.result()

    def wait_moved(self, timeout_s: float) -> None:
        """Wait until the engine has written a batch or done a task, or for some time."""
        with self._moved:
            self._moved.wait(timeout_s)

    def trouble(self) -> Sequence[str]:
        """Return why the log is not drained, nothing while it is."""
        return [f"the engine processes nothing: {self._error}"] if self._error else []

    def samples(self) -> Iterable[Sample]:
        """Return the metrics of alerts, where they are watched for."""
        return self._alerts.samples() if self._alerts is not None else ()

    def _run(self) -> None:
        try:
            embedded = Embedded(self._settings, clock=self._clock, stopping=self._stopping)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            self._failed = error
            self._opened.set()
            return
        with embedded:
            try:
                self._alerts = self._alerts_of(embedded)
            except BaseException as error:  # noqa: BLE001 - as above
                self._failed = error
                self._opened.set()
                return
            self._embedded = embedded
            self._opened.set()
            mend(embedded, self.degraded, self._stopping)
            self._drain(embedded)
            self._refuse_tasks()
            if self._alerts is not None:
                self._alerts.stop()

    def _alerts_of(self, embedded: Embedded) -> AlertThread | None:
        """Watch for alerts where there is a file of receivers."""
        if self._settings.alerts is None:
            return None
        alerts = AlertThread(
            opener(self._settings, None),
            lambda store: watching_of(embedded, store, self.degraded, is_told=True),
            self.degraded,
        )
        alerts.start()
        return alerts

    def _drain(self, embedded: Embedded) -> None:
        pause_s, ticked_s = 0.0, time.monotonic()
        while self._pause(embedded, pause_s or self._settings.worker.batch_s):
            try:
                waits = embedded.log.last
                while (
                    embedded.log.committed < waits
                    and embedded.step() is not None
                    and not self._stopping.is_set()
                ):
                    self._wrote()
                    self._do_tasks(embedded)
                if time.monotonic() - ticked_s > _TICK_S:
                    embedded.tick()
                    ticked_s = time.monotonic()
                pause_s, self._error = 0.0, ""
            except Exception as error:  # noqa: BLE001 - whatever it is, the log keeps what was accepted
                pause_s = min(max(_FIRST_PAUSE_S, 2 * pause_s), _LONGEST_PAUSE_S)
                self._error = str(error) if isinstance(error, StoreError | LogError) else place_of(error)
                _log.warning("nothing is lost; trying again in %.0f s: %s", pause_s, self._error)
        self._finish(embedded)

    def _pause(self, embedded: Embedded, seconds: float) -> bool:
        """Do tasks as they come for some time; return whether the engine is to go on."""
        until_s = time.monotonic() + seconds
        while not self._stopping.is_set():
            try:
                task = self._tasks.get(timeout=max(0.0, until_s - time.monotonic()))
            except queue.Empty:
                return True
            if task is not None:
                self._do(task, embedded)
                if self._error:
                    return True  # perhaps this was what mends it
        return False

    def _do_tasks(self, embedded: Embedded) -> None:
        """Do the tasks that wait now."""
        while not self._stopping.is_set():
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                return
            if task is not None:
                self._do(task, embedded)

    def _do(self, task: _Task, embedded: Embedded) -> None:
        if not task.result.set_running_or_notify_cancel():
            return
        try:
            done = task.work(embedded)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            embedded.let_go_of_state()
            task.result.set_exception(error)
        else:
            task.result.set_result(done)
        self._wrote()

    def _refuse_tasks(self) -> None:
        """Tell who waits for tasks that the engine has ended."""
        while not self._tasks.empty():
            task = self._tasks.get()
            if task is not None and task.result.set_running_or_notify_cancel():
                task.result.set_exception(
                    EndingError("the process that has the data directory open is ending")
                )

    def _wrote(self) -> None:
        with self._moved:
            self._moved.notify_all()
        if self._alerts is not None:
            self._alerts.wrote()

    def _finish(self, embedded: Embedded) -> None:
        until_s = time.monotonic() + _FINISH_S
        try:
            while time.monotonic() < until_s and embedded.step() is not None:
                pass
        except Exception as error:  # noqa: BLE001 - the next start goes on from here
            _log.warning("what waits in the log is processed at the next start: %s", place_of(error))
