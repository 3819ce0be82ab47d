"""Leases work on a server's tables to one command at a time, even if a holder is killed or stopped.

The holder of a lease is in the table `fences`, as the owner of a partition is: a new holder enters the next
generation, and what an earlier one still writes with `insert` adds nothing. The holder renews the lease once a
second; others wait until it ends, until it was not renewed for some seconds, or until the holder's process is seen to
have ended. So a timeout decides when a lease passes on, and the fence that no row is written twice.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Self, TypeVar

import pyarrow as pa

from streams.engine.shell import Tell
from streams.fencing.port import FencedError
from streams.fencing.store import ServerStore
from streams.store.clickhouse import ClickHouse
from streams.store.port import StoreError

__all__ = ["ERASING", "Lease", "in_turn", "waiting_for_turn"]

ERASING = "erasing"  # what counts rows and then deletes them: two at once would count the same ones

_SAY_S, _SILENT_S, _LOOK_S = 1.0, 5.0, 0.2
_log = logging.getLogger(__name__)

Result = TypeVar("Result")


def in_turn(
    store: ClickHouse,
    name: str,
    work: Callable[["Lease"], Result],
    waiting: Callable[[str], None] = lambda _: None,
) -> Result:
    """Do some work under a lease, and again under the next one where the lease was lost meanwhile; return its result.

    A process that was stopped loses its lease, and so does one of two that saw at once that nobody had it. So `work`
    goes on from what it, or somebody else for it, has done before. Parameters and errors are those of `Lease`.
    """
    while True:
        with Lease(store, name, waiting) as turn:
            try:
                return work(turn)
            except FencedError:
                _log.warning(
                    "another command had its turn at %s meanwhile; this one goes on in its next turn", name
                )


def waiting_for_turn(tell: Tell) -> Callable[[str], None]:
    """Return what tells, as progress, whom a command waits for."""
    return lambda who: tell(f"another command is waited for, by {who}", 0, 1)


class Lease:
    """A lease on some work, as a context manager: entering waits for it, and leaving ends it.

    Parameters
    ----------
    name
        Of the work; no topic.
    waiting
        Called now and then with the holder of the lease, as host and process id, during the wait.

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
            Somebody else has the lease by now.
        StoreError
            It is not known whether the rows are there.
        """
        self._store.insert_for(self._name, table, rows)

    def _take(self) -> None:
        heard = _Heard()
        while True:
            owner = self._store.fence.owner(self._name, 0)
            if owner is not None and heard.is_there(*owner) and not _has_ended(owner[0]):
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


class _Heard:
    """A check whether the holder of a lease still renews it, by a clock that nobody sets where the server's is not to be believed."""

    def __init__(self) -> None:
        self._said: tuple[str, int] | None = None
        self._since_s = 0.0

    def is_there(self, owner: str, age_s: float, times: int) -> bool:
        """Return whether to wait for an owner that last renewed its lease `age_s` seconds ago by the server's clock."""
        now_s = time.monotonic()
        if self._said != (owner, times):
            self._said, self._since_s = (owner, times), now_s
        # Of a clock that went back, or ahead just now, the age says nothing.
        known = 0 <= age_s < _SILENT_S
        return now_s - self._since_s < (_SILENT_S if age_s < 0 else 2 * _SAY_S) or known


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
