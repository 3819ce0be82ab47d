"""Runs what workers and gateways share: the endpoint, a thread that checks for stalls, and an exit after a stall."""

import logging
import os
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from importlib import metadata

from streams.settings import WorkerSettings
from streams.telemetry.endpoint import Endpoint
from streams.telemetry.health import Answer
from streams.telemetry.metrics import CONTENT_TYPE, Metrics, Sample

__all__ = ["Telemetry"]

_LONGEST_INTERVAL_S = 5.0
_NOTICE_S = 3.0  # between saying that the process has stalled and its end, unless it goes on meanwhile
_FAILED = 1
_CALLS = 5  # of each thread, that are told
_log = logging.getLogger(__name__)


class Telemetry:
    """The endpoint and the stall check of one process.

    Parameters
    ----------
    settings
        Address of the endpoint, and how long a stall may last.
    metrics
        What /metrics shows; threads and version are added here.
    health, ready
        Answer /health and /ready, from any thread.
    look
        Called every few seconds; returns what has stalled, in words.
    end
        Ends the process.
    """

    def __init__(  # noqa: PLR0913 - keywords, each once
        self,
        settings: WorkerSettings,
        metrics: Metrics,
        *,
        health: Callable[[], Answer],
        ready: Callable[[], Answer],
        look: Callable[[], Sequence[str]],
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._settings, self._metrics = settings, metrics
        self._look, self._end = look, end
        self._interval_s = min(_LONGEST_INTERVAL_S, settings.stall_s / 10)
        self._said = health
        self._fails = False
        self._routes = {"/health": self._health, "/ready": ready, "/metrics": self._exposed}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="telemetry", daemon=True)
        self._endpoint: Endpoint | None = None
        metrics.read_from(_about)

    def start(self) -> None:
        """Listen and watch; again does nothing. Raises SettingsError where nobody can listen."""
        if self._endpoint is None:
            settings = self._settings
            self._endpoint = Endpoint(
                settings.web_host, settings.web_port, self._routes, names=settings.web_names
            )
            _log.info("version %s serves /health, /ready and /metrics on %s", _version(), self._endpoint.url)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching, then listening."""
        self._stopping.set()
        if self._endpoint is not None:
            self._endpoint.close()

    def _health(self) -> Answer:
        if self._fails:
            return Answer.of("failing", ["this process cannot watch itself: see its log"], good=False)
        return self._said()

    def _exposed(self) -> Answer:
        return Answer(HTTPStatus.OK, self._metrics.text(), CONTENT_TYPE)

    def _watch(self) -> None:
        notice_s, since_s = min(_NOTICE_S, self._settings.stall_s), None
        while not self._stopping.wait(self._interval_s):
            stalled = self._looked()
            if not stalled:
                since_s = None
                continue
            since_s = time.monotonic() if since_s is None else since_s
            if time.monotonic() - since_s >= notice_s:
                _log.critical(
                    "stalled, so this process ends: %s", "; ".join(stalled), extra={"stacks": stacks()}
                )
                logging.shutdown()
                self._end(_FAILED)
                return

    def _looked(self) -> Sequence[str]:
        """Run the check; an error in it is logged, and the check is retried."""
        try:
            stalled = self._look()
        except Exception:  # noqa: BLE001 - whatever it is, it must not end the watch
            if not self._fails:
                _log.exception("cannot watch this process")
            self._fails = True
            return ()
        self._fails = False
        return stalled


def stacks() -> list[str]:
    """Return what each thread is at, its innermost calls last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return [
        f"{names.get(ident, ident)}: "
        + " > ".join(
            f"{call.name} ({call.filename.rpartition('/')[2]}:{call.lineno})"
            for call in traceback.extract_stack(frame)[-_CALLS:]
        )
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - there is no other way to it
    ]


def _about() -> Iterable[Sample]:
    yield "journey_threads", (), threading.active_count()
    yield "journey_build_info", (_version(), platform.python_version()), 1.0


def _version() -> str:
    try:
        return metadata.version("customer-journey-engine")
    except metadata.PackageNotFoundError:
        return "unknown"
