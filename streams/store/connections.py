"""Runs queries on a pool of threads and connections, off the event loop, and caches their answers."""

import asyncio
import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from streams.settings import Settings
from streams.store.calls import MARK, Ending, Limits, NotEnding, OverloadedError, StuckError
from streams.store.clickhouse import ClickHouse
from streams.store.pool import Pool

__all__ = ["CachedAnswer", "ConnectionPool", "Opener", "OverloadedError", "StuckError", "Want", "opener"]

_MOST_WAITING = 64
_MOST_KEPT = 128
_SPARE = 3  # threads that may be stuck before the others are fewer for it

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class CachedAnswer(Generic[Answer]):
    """An answer, with the version of the tables and the time that it is of."""

    version: str
    at: datetime
    answer: Answer


@dataclass(frozen=True, slots=True)
class Want:
    """The freshness that an answer must have.

    Attributes
    ----------
    version, now
        Of the tables, and the time; a query that runs again is of these.
    oldest_s
        Of an answer from the same version: customers lapse without an event.
    stale_s
        Of one from another version: for who is shown the present one as soon as it is there.
    """

    version: str
    now: datetime
    oldest_s: float = 0.0
    stale_s: float = 0.0

    def takes(self, kept: CachedAnswer[Any]) -> bool:
        """Return whether an answer will do."""
        age_s = abs((self.now - kept.at).total_seconds())
        return age_s <= self.oldest_s if kept.version == self.version else age_s < self.stale_s


class ConnectionPool:
    """A pool that runs functions on a store, and caches answers until the tables change.

    Parameters
    ----------
    open_store
        Opens a connection for the thread that calls it. What an `Opener` says of time limits and of ending holds for
        each function; one that cannot be interrupted is given up, and another thread takes its place.
    threads
        That ask at the same time.
    what
        Whose queries they are, in words, for /health.
    """

    def __init__(
        self, open_store: Callable[[], ClickHouse], threads: int = 2, what: str = "the page"
    ) -> None:
        self._open, self._mine = open_store, threading.local()
        run_s, ending = _of(open_store)
        limits = Limits(threads, _SPARE, _MOST_WAITING, run_s)
        self._threads = Pool(what.replace(" ", "-"), what, limits, ending, self._let_go)
        self._asking: dict[object, CachedAnswer[asyncio.Future[CachedAnswer[Any]]]] = {}
        self._kept: OrderedDict[object, CachedAnswer[Any]] = OrderedDict()
        self._lock = threading.Lock()

    async def run(self, work: Callable[[ClickHouse], Answer]) -> Answer:
        """Run a function in a thread, and wait for it.

        Raises
        ------
        OverloadedError
            Too many wait already, or what runs cannot be interrupted and holds every thread.
        StuckError
            It could not be interrupted.
        QueryError, StoreError
            As the store has it.
        """
        return await self._threads.run(partial(self._on_store, work))

    def _on_store(self, work: Callable[[ClickHouse], Answer]) -> Answer:
        if not hasattr(self._mine, "store"):
            self._mine.store = self._open()
        try:
            return work(self._mine.store)
        except Exception:
            # Of a query that failed half-way, the engine in process gives the rest as the next answer.
            self._let_go()
            raise

    def _let_go(self) -> None:
        """Close the connection of this thread."""
        if hasattr(self._mine, "store"):
            with contextlib.suppress(Exception):
                self._mine.store.close()
            del self._mine.store

    async def kept(
        self,
        key: object,
        want: Want,
        work: Callable[[ClickHouse], Answer],
    ) -> CachedAnswer[Answer]:
        """Return the cached answer to the same key, if it is as fresh as is wanted, or query again and cache that.

        A caller who wants what is being asked waits for that. It is asked to the end, even if all callers go away.
        """
        with self._lock:
            found = self._kept.get(key)
            if found is not None and want.takes(found):
                self._kept.move_to_end(key)
                return found
        asking = self._asking.get(key)
        if asking is None or not want.takes(asking):
            answer = asyncio.ensure_future(self.run(lambda store: self._ask(key, want, work, store)))
            self._asking[key] = asking = CachedAnswer(want.version, want.now, answer)
            answer.add_done_callback(partial(self._answered, key))
        return await asyncio.shield(asking.answer)

    def _answered(self, key: object, answer: asyncio.Future[CachedAnswer[Any]]) -> None:
        if key in self._asking and self._asking[key].answer is answer:
            del self._asking[key]
        if not answer.cancelled():
            answer.exception()  # told to who waits, if anybody still does

    def warm(self, key: object, want: Want, work: Callable[[ClickHouse], Answer]) -> CachedAnswer[Answer]:
        """Query again and cache the answer; for a thread that is not the event loop's."""
        return self.submit(lambda store: self._ask(key, want, work, store)).result()

    def submit(self, work: Callable[[ClickHouse], Answer], about: str = "") -> Future[Answer]:
        """Have a function run in a thread, as `run`; for who is no event loop. The future has every error.

        Parameters
        ----------
        about
            What it is, for /health, should it not end; the same is not run again meanwhile.
        """
        try:
            return self._threads.submit(partial(self._on_store, work), about)
        except OverloadedError as error:
            refused: Future[Answer] = Future()
            refused.set_exception(error)
            return refused

    def _ask(
        self, key: object, want: Want, work: Callable[[ClickHouse], Answer], store: ClickHouse
    ) -> CachedAnswer[Answer]:
        made = CachedAnswer(want.version, want.now, work(store))
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def end(self) -> None:
        """Accept no more functions, and answer waiting callers with an error; timed work that runs is ended."""
        self._threads.end()

    def close(self) -> None:
        """End, wait a moment for what runs, and close the connections."""
        self._threads.close()


@dataclass(frozen=True, slots=True)
class Opener:
    """A factory of connections, one for each thread, with settings of every request.

    Attributes
    ----------
    run_s
        Time that its queries may take, None for any.
    ending
        Ends them where they do not end themselves.
    """

    settings: Settings
    limits: Mapping[str, Any] | None
    ending: Ending

    @property
    def run_s(self) -> float | None:
        """Time that a query may take."""
        return float(self.limits["max_execution_time"]) if self.limits else None

    def __call__(self) -> ClickHouse:
        """Open one for the thread that calls."""
        if self.settings.store:
            return ClickHouse.of(self.settings, self.limits)
        dsn = f"chdb://{(self.settings.data / 'clickhouse').resolve()}"
        mark = {MARK: threading.current_thread().name}
        return ClickHouse(dsn, limits={**self.limits, **mark} if self.limits else None)


def opener(settings: Settings, limits: Mapping[str, Any] | None) -> Opener:
    """Return what opens connections; where there are limits, one of them is ``max_execution_time``."""
    if settings.store:
        return Opener(settings, limits, NotEnding())
    from streams.store.cancellation import EngineEnding  # noqa: PLC0415 - needs the engine in process

    return Opener(settings, limits, EngineEnding(settings.data / "clickhouse"))


def _of(open_store: Callable[[], ClickHouse]) -> tuple[float | None, Ending]:
    if isinstance(open_store, Opener):
        return open_store.run_s, open_store.ending
    return None, NotEnding()
