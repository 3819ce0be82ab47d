"""Runs an upkeep of tables on a thread and a connection of its own, off the path of events."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Generic, Protocol, TypeVar

from journey.errors import UserError

__all__ = ["Steps", "UpkeepThread"]

_AGAIN_S = 5.0
_STOP_S = 2.0
_log = logging.getLogger(__name__)


class Closable(Protocol):
    """What is closed in the end."""

    def close(self) -> None:
        """Let go of it."""


Store = TypeVar("Store", bound=Closable)
Asked_contra = TypeVar("Asked_contra", contravariant=True)


class Steps(Protocol[Asked_contra]):
    """What is done again and again."""

    def step(self, store: Asked_contra, is_over: Callable[[], bool], /) -> float:
        """Do it once, unless it is over; return after how many seconds to do it again."""

    def close(self) -> None:
        """End a query that runs."""


class UpkeepThread(Generic[Store]):
    """A thread that takes the steps of an upkeep, until it is stopped.

    Parameters
    ----------
    open_store
        Opens a connection that may write, in the thread that uses it.
    name
        Of the thread, and of what is kept.
    """

    def __init__(self, upkeep: Steps[Store], open_store: Callable[[], Store], name: str) -> None:
        self._steps, self._open, self._name = upkeep, open_store, name
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name.replace(" ", "-"), daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Begin with nothing more; returns at once."""
        self._stopping.set()

    def stop(self) -> None:
        """End; a query in hand is ended, and a write waited for."""
        self.end()
        self._steps.close()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._open()) as store:
                    while not self._stopping.wait(self._step(store)):
                        pass
            except Exception as error:  # noqa: BLE001 - nobody else keeps them
                why = str(error) if isinstance(error, UserError) else type(error).__name__
                _log.warning("%s: looking again in %.0f s: %s", self._name, _AGAIN_S, why)
                self._stopping.wait(_AGAIN_S)

    def _step(self, store: Store) -> float:
        return self._steps.step(store, self._stopping.is_set)
