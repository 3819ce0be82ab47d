"""Connections to the store for threads other than the engine's, and queries on them, never on the event loop."""

import asyncio
import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from streams.settings import Settings
from streams.store import ClickHouse

__all__ = ["BusyError", "Connections", "Kept", "Want", "opener"]

_MOST_WAITING = 64
_MOST_KEPT = 128

Answer = TypeVar("Answer")


class BusyError(RuntimeError):
    """More is asked than is answered: come back later."""


@dataclass(frozen=True, slots=True)
class Kept(Generic[Answer]):
    """An answer, and the version of the tables and the time that it is of."""

    version: str
    at: datetime
    answer: Answer


@dataclass(frozen=True, slots=True)
class Want:
    """How fresh an answer has to be.

    Attributes
    ----------
    version, now
        Of the tables, and the time; what is asked anew is of these.
    oldest_s
        Of an answer from the same version: customers lapse without an event.
    stale_s
        Of one from another version: for who is shown the present one as soon as it is there.
    """

    version: str
    now: datetime
    oldest_s: float = 0.0
    stale_s: float = 0.0

    def takes(self, kept: Kept[Any]) -> bool:
        """Return whether an answer will do."""
        age_s = abs((self.now - kept.at).total_seconds())
        return age_s <= self.oldest_s if kept.version == self.version else age_s < self.stale_s


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
        self._asking: dict[object, Kept[asyncio.Future[Kept[Any]]]] = {}
        self._kept: OrderedDict[object, Kept[Any]] = OrderedDict()
        self._lock = threading.Lock()

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
        try:
            return work(self._mine.store)
        except Exception:
            # Of a query that failed half-way, the engine in process gives the rest as the next answer.
            self._opened.remove(self._mine.store)
            with contextlib.suppress(Exception):
                self._mine.store.close()
            del self._mine.store
            raise

    async def kept(
        self,
        key: object,
        want: Want,
        work: Callable[[ClickHouse], Answer],
    ) -> Kept[Answer]:
        """Return what was answered to the same key, if it is as fresh as is wanted, or ask anew and keep that.

        Who wants what is being asked waits for that. It is asked to the end, whoever goes away meanwhile.
        """
        with self._lock:
            found = self._kept.get(key)
            if found is not None and want.takes(found):
                self._kept.move_to_end(key)
                return found
        asking = self._asking.get(key)
        if asking is None or not want.takes(asking):
            answer = asyncio.ensure_future(self.run(lambda store: self._ask(key, want, work, store)))
            self._asking[key] = asking = Kept(want.version, want.now, answer)
            answer.add_done_callback(partial(self._answered, key))
        return await asyncio.shield(asking.answer)

    def _answered(self, key: object, answer: asyncio.Future[Kept[Any]]) -> None:
        if key in self._asking and self._asking[key].answer is answer:
            del self._asking[key]
        if not answer.cancelled():
            answer.exception()  # told to who waits, if anybody still does

    def warm(self, key: object, want: Want, work: Callable[[ClickHouse], Answer]) -> Kept[Answer]:
        """Ask anew and keep the answer; for a thread that is not the event loop's."""
        return self.submit(lambda store: self._ask(key, want, work, store)).result()

    def submit(self, work: Callable[[ClickHouse], Answer]) -> Future[Answer]:
        """Have a function run in a thread; for who is no event loop."""
        return self._threads.submit(self._on_store, work)

    def _ask(
        self, key: object, want: Want, work: Callable[[ClickHouse], Answer], store: ClickHouse
    ) -> Kept[Answer]:
        made = Kept(want.version, want.now, work(store))
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def close(self) -> None:
        """Wait for what runs, and close the connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for store in self._opened:
            store.close()


def opener(settings: Settings, limits: Mapping[str, Any] | None) -> Callable[[], ClickHouse]:
    """Return what opens a connection of its own for a thread, with settings of every request."""
    if settings.store:
        return partial(ClickHouse.of, settings, limits)
    dsn = f"chdb://{(settings.data / 'clickhouse').resolve()}"
    return partial(ClickHouse, dsn, limits=limits)
