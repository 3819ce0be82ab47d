"""Cancels queries of the engine in this process by their mark, and lowers the priority of those that do not end."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import chdb

from streams.store.calls import MARK
from streams.store.sql import literal

__all__ = ["EngineEnding"]

_LEAST = 19  # nice: a fiftieth of what another thread gets that wants the same core
_SAMPLE_S, _SAMPLES = 0.5, 4  # on a machine that is busy a thread may wait so long for its turn
_TASKS = Path("/proc/self/task")


class EngineEnding:
    """A way to end queries, for connections to a folder that this process has open.

    Parameters
    ----------
    folder
        Of the engine's data.
    """

    def __init__(self, folder: Path) -> None:
        self._path = str(folder.resolve())

    def end(self, mark: str) -> None:
        """Order the queries with a mark to end; returns at once."""
        self._asked(f"KILL QUERY WHERE Settings['{MARK}'] = {literal(mark, 'String')} ASYNC")

    def demote(self, mark: str) -> None:
        """Give those threads of the queries with a mark that keep a core busy the least priority, where threads have any.

        The others that a query had may serve somebody else by now.
        """
        if sys.platform != "linux":
            return
        found = self._asked(
            "SELECT arrayJoin(thread_ids) FROM system.processes"
            f" WHERE Settings['{MARK}'] = {literal(mark, 'String')}"
        )
        threads = [int(number) for number in found.split()]
        for _ in range(_SAMPLES):
            for thread in _busy(threads):
                with suppress(OSError):  # it has ended
                    os.setpriority(os.PRIO_PROCESS, thread, _LEAST)

    def _asked(self, sql: str) -> str:
        connect: Any = chdb.connect  # it has no types
        with closing(connect(self._path)) as connection, suppress(RuntimeError):
            return str((connection.query(sql, "TSVRaw").bytes() or b"").decode())
        return ""


def _busy(threads: list[int]) -> Iterator[int]:
    before = {thread: _ticks(thread) for thread in threads}
    time.sleep(_SAMPLE_S)
    for thread, ticks in before.items():
        if _ticks(thread) > ticks:
            yield thread


def _ticks(thread: int) -> int:
    """Return the time that a thread has had, in ticks of the system; 0 where it has ended."""
    with suppress(OSError):
        fields = (_TASKS / str(thread) / "stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0
