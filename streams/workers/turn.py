"""Turns: work on a server's tables that only one command does at a time, whoever is killed or stopped at it.

Whose turn it is stands in the table `fences`, as the owner of a partition does: whoever takes it enters the next generation,
and what an earlier one still writes with `insert` adds nothing. Whoever has it says so once a second; others wait until it
ends, until nothing was said for some seconds, or until its process is seen to have ended. So patience decides when a turn
passes on, and the fence that no row is written twice.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Self, TypeVar

import pyarrow as pa

from streams.ports import StoreError
from streams.store import ClickHouse
from streams.workers.ports import FencedError
from streams.workers.store import ServerStore

__all__ = ["ERASING", "Turn", "in_turn"]

ERASING = "erasing"  # what counts rows and then deletes them: two at once would count the same ones

_SAY_S, _SILENT_S, _LOOK_S = 1.0, 5.0, 0.2
_log = logging.getLogger(__name__)

Result = TypeVar("Result")


def in_turn(
    store: ClickHouse,
    name: str,
    work: Callable[["Turn"], Result],
    waiting: Callable[[str], None] = lambda _: None,
) -> Result:
    """Do some work in its turn, and anew in the next one where the turn passed on meanwhile; return what it returns.

    That happens to a process that stood still, and to one of two that saw at once that it was nobody's turn. So `work`
    goes on from what it, or somebody else for it, has done before. Parameters and errors are those of `Turn`.
    """
    while True:
        with Turn(store, name, waiting) as turn:
            try:
                return work(turn)
            except FencedError:
                _log.warning(
                    "another command had its turn at %s meanwhile; this one goes on in its next turn", name
                )


class Turn:
    """A turn at some work, as a context: it is waited for, and ends with the context.

    Parameters
    ----------
    name
        Of the work; no topic.
    waiting
        Called now and then with whose turn it is, as host and process id, while that is waited for.

    Raises
    ------
    StoreError
        The server does not answer.
    """

    def __init__(self, store: ClickHouse, name: str, waiting: Callable[[str], None] = lambda _: None) -> None:
        self._store, self._name, self._waiting = ServerStore(store, 1), name, waiting
        self._over = threading.Event()
        self._saying = threading.Thread(target=self._say, name=f"turn {name}", daemon=True)

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add rows as one atomic block.

        Raises
        ------
        FencedError
            The turn has passed on to somebody else.
        StoreError
            It is not known whether the rows are there.
        """
        self._store.insert_for(self._name, table, rows)

    def _take(self) -> None:
        while True:
            owner = self._store.fence.owner(self._name, 0)
            if owner is not None and owner[1] < _SILENT_S and not _has_ended(owner[0]):
                self._waiting(owner[0])
                time.sleep(_LOOK_S)
                continue
            try:
                self._store.take(self._name, [0])
            except FencedError:  # another one that waited was first
                continue
            return

    def _say(self) -> None:
        while not self._over.wait(_SAY_S):
            try:
                self._store.fence.renew(self._name, 0)
            except StoreError as error:
                _log.warning("cannot say that the turn goes on: %s", error)

    def __enter__(self) -> Self:
        self._take()
        self._saying.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._saying.join()
        try:
            self._store.fence.leave(self._name, 0)
        except StoreError as error:
            _log.warning("others wait for %.0f s: %s", _SILENT_S, error)


def _has_ended(owner: str) -> bool:
    """Return whether a process, by host and id, is of this machine and is there no more."""
    host, _, process = owner.rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is somebody else's
        pass
    return False
