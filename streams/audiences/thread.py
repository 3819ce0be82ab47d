"""Keeps audiences up to date on a thread and connections of its own, off the path of events."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing

from streams.audiences.upkeep import AudienceState, Refreshed, Upkeep
from streams.http.problems import place_of
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.port import StoreError
from streams.telemetry.metrics import Sample

__all__ = ["AudienceThread", "samples"]

_AGAIN_S = 5.0
_STOP_S = 2.0
_CHANGES = ("entered", "left")
_log = logging.getLogger(__name__)


class AudienceThread:
    """A thread that looks at the audiences of a file, each by its cadence, until it is stopped.

    Parameters
    ----------
    open_store
        Opens a connection that may write, in the thread that uses it.
    """

    def __init__(self, upkeep: Upkeep, open_store: Callable[[], ClickHouse]) -> None:
        self._upkeep, self._open = upkeep, open_store
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audiences", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def refresh(self) -> Sequence[Refreshed]:
        """Look at all of them at once, for another thread."""
        with closing(self._open()) as store:
            return self._upkeep.refresh(store)

    def samples(self) -> Iterable[Sample]:
        """Return the metrics."""
        return samples(self._upkeep.states)

    def end(self) -> None:
        """Begin with nothing more; returns at once."""
        self._stopping.set()

    def stop(self) -> None:
        """End; a query in hand is ended, and a write waited for."""
        self.end()
        self._upkeep.close()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._open()) as store:
                    while not self._stopping.wait(self._upkeep.step(store, self._stopping.is_set)):
                        pass
            except Exception as error:  # noqa: BLE001 - nobody else keeps them
                why = str(error) if isinstance(error, StoreError | QueryError) else place_of(error)
                _log.warning("audiences: looking again in %.0f s: %s", _AGAIN_S, why)
                self._stopping.wait(_AGAIN_S)


def samples(states: Sequence[AudienceState]) -> Iterable[Sample]:
    """Return the metrics of audiences."""
    for state in states:
        yield "journey_audience_members", (state.name,), state.members
        yield "journey_audience_look_seconds", (state.name,), state.took_s
        yield "journey_audience_errors_total", (state.name,), state.errors
        for change in _CHANGES:
            yield "journey_audience_changes_total", (state.name, change), state.changes[change]
