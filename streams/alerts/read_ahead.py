"""Reads the next part of a history in a thread, while its caller works on the one before."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from streams.alerts.counts import Queryable

__all__ = ["OneAtATime", "read_ahead"]

Part = TypeVar("Part")
Found = TypeVar("Found")


class OneAtATime:
    """A store for several threads: it runs one query at a time, whichever of them asks."""

    def __init__(self, store: Queryable) -> None:
        self._store, self._lock = store, threading.Lock()

    def query(
        self, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Run a query and return rows, once the query of another thread has ended."""
        with self._lock:
            return self._store.query(sql, parameters, settings)


def read_ahead(
    parts: Iterable[Part], read: Callable[[Part], Found], *, leaves: bool = False
) -> Generator[Found, None, None]:
    """Yield what is read of each part, in order. While one is with the caller, the next one is read: two are held at most.

    An error of `read` is raised in the place of what was read. A caller that may end early closes the iterator, which waits
    for the reading that is under way; where `leaves` is set, it is left to end by itself.
    """
    left = iter(parts)
    reading, thread = _begin(left, read)
    try:
        while reading is not None:
            found = reading.result()
            reading, thread = _begin(left, read)
            yield found
    finally:
        if thread is not None and not leaves:
            thread.join()


def _begin(
    left: Iterator[Part], read: Callable[[Part], Found]
) -> tuple[Future[Found] | None, threading.Thread | None]:
    """Begin to read the next part, if there is one; return what will have it, and the thread that reads."""
    for part in left:
        reading: Future[Found] = Future()
        thread = threading.Thread(
            target=_run, args=(partial(read, part), reading), name="read-ahead", daemon=True
        )
        thread.start()
        return reading, thread
    return None, None


def _run(read: Callable[[], Found], reading: Future[Found]) -> None:
    try:
        reading.set_result(read())
    except BaseException as error:  # noqa: BLE001 - raised to who waits
        reading.set_exception(error)
