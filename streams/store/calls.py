"""Defines the calls of a thread pool: their limits, how their queries are ended, and the errors that refuse them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = [
    "MARK",
    "Ending",
    "Limits",
    "NotEnding",
    "OverloadedError",
    "QueryCall",
    "QueryThread",
    "StuckError",
]

MARK = "log_comment"
"""Setting of a query that says which thread asks: by it queries are ended."""


class OverloadedError(RuntimeError):
    """An error of a full pool: retry later."""


class StuckError(RuntimeError):
    """An error of a query that did not end when it was ordered to; its thread was given up."""


class Ending(Protocol):
    """A way to end the queries of a thread, whose name each of them carries as its `MARK`."""

    def end(self, mark: str) -> None:
        """Order the queries of a thread to end; returns at once."""

    def demote(self, mark: str) -> None:
        """Give what goes on all the same the least priority."""


class NotEnding:
    """A way to end queries that does nothing, for a store that ends queries itself, such as a server."""

    def end(self, mark: str) -> None:
        """Do nothing."""

    def demote(self, mark: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a pool.

    Attributes
    ----------
    threads
        That run at the same time.
    spare
        Threads that may be stuck before others are fewer for it.
    waiting
        Calls under way, those that run among them.
    run_s
        Time of a call before it is ended; None for calls that nobody ends, such as changes.
    more
        Threads besides, while calls that take long hold theirs and others wait; those that are stuck count among all.
    """

    threads: int
    spare: int
    waiting: int
    run_s: float | None
    more: int = 0


@dataclass(eq=False, slots=True)
class QueryCall:
    """The work of a call, its subject, its timeout, and the future of its answer; `began` once it runs."""

    work: Callable[[], Any]
    about: str
    run_s: float | None
    answer: Future[Any] = field(default_factory=Future)
    began_s: float = 0.0
    began_us: int = 0


class QueryThread(threading.Thread):
    """A thread of a pool; `told_s` is since when its call was ordered to end, and it runs no other.

    `place` is the least number that no other thread had when it took its call, of those busy or stuck in its pool.
    """

    def __init__(self, name: str, run: Callable[["QueryThread"], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._begin = run
        self.place = 0
        self.call: QueryCall | None = None
        self.told_s: float | None = None

    def run(self) -> None:
        """Take calls until there are to be none."""
        self._begin(self)
