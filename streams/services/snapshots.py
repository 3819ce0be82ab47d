"""Lends databases that show all tables as of one instant between two batches, for questions of several queries."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from streams.embedded.embedded import Embedded
from streams.services.engine_thread import EngineThread
from streams.store import scratch
from streams.store.clickhouse import ClickHouse

__all__ = ["Snapshots"]


class Snapshots:
    """The databases that are lent; one that comes back is emptied, and lent again.

    Parameters
    ----------
    folder
        Of the engine's data.
    """

    def __init__(self, folder: Path, engine: EngineThread) -> None:
        self._dsn, self._engine = f"chdb://{folder.resolve()}", engine
        self._lock, self._filling = threading.Lock(), threading.RLock()
        self._free: list[str] = []
        self._made = 0

    @contextmanager
    def taken(self) -> Iterator[tuple[str, int]]:
        """Yield the name of a database and the instant that it is of; stages that lapsed until then are announced in it."""
        name = self._borrowed()
        try:
            with self._filling:
                at_us = self._engine.submit(lambda embedded: _filled(embedded, name)).result()
            yield name, at_us
        finally:
            with closing(ClickHouse(self._dsn)) as store:
                scratch.empty(store, name)
            with self._lock:
                self._free.append(name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have other threads wait for a copy meanwhile: what is made now would not recompute, or have settings of the moment."""
        with self._filling:
            yield

    def _borrowed(self) -> str:
        with self._lock:
            if self._free:
                return self._free.pop()
            self._made += 1
            name = f"{scratch.PREFIX}{self._made}"
        with self._filling, closing(ClickHouse(self._dsn)) as store:
            scratch.make(store, name)
        return name

    def close(self) -> None:
        """Delete those that are free; what is left of others is deleted when the directory is opened again."""
        with self._lock:
            free, self._free = self._free, []
        if free:
            with closing(ClickHouse(self._dsn)) as store:
                for name in free:
                    scratch.drop(store, name)


def _filled(embedded: Embedded, name: str) -> int:
    now_us = embedded.clock()
    if not embedded.losses.stops:
        embedded.announce(now_us)
    scratch.fill(embedded.store, name)
    return now_us
