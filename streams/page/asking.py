"""Queries of the page: on threads of their own with connections of their own, never on the event loop."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from streams.page.scope import Brand, aware
from streams.store import ClickHouse

__all__ = ["BusyError", "Connections", "brands"]

_MOST_WAITING = 64
_MOST_KEPT = 128
# What is appended to, or replaced with a new version, where anything changes that a view shows.
_VERSION = """
SELECT (SELECT count() FROM interactions), (SELECT count() FROM dead_letters), (SELECT count() FROM stage_changes),
    (SELECT count() FROM identity_map), (SELECT count() FROM models), (SELECT count() FROM targets),
    (SELECT count() FROM alerts), (SELECT count() FROM alert_marks)
"""
_BRANDS = """
SELECT brand, min(minute) AS first, max(minute) AS last, sum(touches) AS n FROM minute_counts
WHERE brand != 'identity' GROUP BY brand ORDER BY n DESC, brand
"""

Answer = TypeVar("Answer")


class BusyError(RuntimeError):
    """More is asked than is answered: come back later."""


@dataclass(frozen=True, slots=True)
class _Kept:
    version: str
    at: datetime
    answer: Any


class Connections:
    """Runs functions on a store, and keeps answers until the tables change.

    Parameters
    ----------
    open_store
        Opens a connection for the thread that calls it.
    threads
        That ask at the same time.
    """

    def __init__(self, open_store: Callable[[], ClickHouse], threads: int = 2) -> None:
        self._open, self._mine = open_store, threading.local()
        self._opened: list[ClickHouse] = []
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self._waiting = 0
        self._kept: OrderedDict[object, _Kept] = OrderedDict()

    async def run(self, work: Callable[[ClickHouse], Answer]) -> Answer:
        """Run a function in a thread, and wait for it.

        Raises
        ------
        BusyError
            Too many wait already.
        QueryError, StoreError
            As the store has it.
        """
        if self._waiting >= _MOST_WAITING:
            raise BusyError("too many views are asked for: try again in a moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._on_store, work)
        finally:
            self._waiting -= 1

    def _on_store(self, work: Callable[[ClickHouse], Answer]) -> Answer:
        if not hasattr(self._mine, "store"):
            self._mine.store = self._open()
            self._opened.append(self._mine.store)
        return work(self._mine.store)

    async def version(self) -> str:
        """Return a text that changes whenever the tables do."""
        found = await self.run(lambda store: store.query(_VERSION, {}))
        return "-".join(str(count) for count in found[0])

    async def kept(
        self,
        key: object,
        version: str,
        now: datetime,
        oldest_s: float,
        work: Callable[[ClickHouse], Answer],
    ) -> Answer:
        """Return what was answered to the same key under the same version, at most `oldest_s` ago, or ask anew."""
        found = self._kept.get(key)
        if (
            found is not None
            and found.version == version
            and abs((now - found.at).total_seconds()) <= oldest_s
        ):
            self._kept.move_to_end(key)
            return found.answer  # type: ignore[no-any-return]
        answer = await self.run(work)
        self._kept[key] = _Kept(version, now, answer)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return answer

    def close(self) -> None:
        """Wait for what runs, and close the connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for store in self._opened:
            store.close()


def brands(store: ClickHouse) -> list[Brand]:
    """Return the brands that have touches, the busiest first."""
    return [Brand(row["brand"], aware(row["first"]), aware(row["last"])) for row in store.rows(_BRANDS)]
