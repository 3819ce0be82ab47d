"""Writes the members of audiences to files and object stores by the clock, on a thread for each destination."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from streams.alerts.delivery.deliverer import Pauses, pause_s
from streams.alerts.state import FeedState
from streams.audiences.export import exported
from streams.audiences.members import HeldError, Stamp, stamp
from streams.clock import Clock
from streams.destinations.config import FileDestination, S3Destination
from streams.destinations.names import receiver_of
from streams.destinations.writing import WriteError, write
from streams.edge.readable import ReadableError
from streams.feed.audience_changes import AUDIENCES
from streams.feed.position import Place, Position
from streams.feed.standing import Standing, book, standing
from streams.handles.readable import ReadableReader
from streams.http.problems import place_of
from streams.process.degraded import Degraded
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.port import StoreError

__all__ = ["FileSync"]

_PAUSES = Pauses(first_s=5.0)
_HELD_S = 1.0  # after which a file is tried again that could not be written for an erasure, say
_LONG_S = 60.0  # for which nothing can be written before /health says so
_CUT = 300
_FAILURES = (WriteError, ReadableError, StoreError, QueryError)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Audience:
    """An audience of the destination: when it is due, how often it failed since it was written, and since when nothing can be.

    Seconds are of the monotonic clock.
    """

    name: str
    brand: str
    state: FeedState
    due_s: float = 0.0
    attempts: int = 0
    held_s: float | None = None
    booked: Standing | None = field(default=None)


class FileSync:
    """A thread that writes each audience at the start and then by the cadence; one that fails is tried again sooner.

    Parameters
    ----------
    brands
        Brand of each audience that is written, by name.
    open_store
        Opens a connection, in the thread.
    readable
        Gives the brand's own numbers, for a destination that gets them.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        destination: FileDestination | S3Destination,
        brands: Mapping[str, str],
        open_store: Callable[[], ClickHouse],
        *,
        clock: Clock,
        readable: ReadableReader | None,
        degraded: Degraded,
        pauses: Pauses = _PAUSES,
    ) -> None:
        self._destination, self._open, self._clock = destination, open_store, clock
        self._readable, self._degraded, self._pauses = readable, degraded, pauses
        self._audiences = [
            _Audience(name, brand, FeedState(receiver_of(destination.name, name)))
            for name, brand in brands.items()
        ]
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"destination {destination.name}", daemon=True)

    def states(self) -> list[FeedState]:
        """Return what was done of each audience since the start."""
        return [one.state for one in self._audiences]

    def _run(self) -> None:
        while not self.stopping.is_set():
            due = [one for one in self._audiences if one.due_s <= time.monotonic()]
            try:
                if due:
                    with closing(self._open()) as store:
                        for one in due:
                            if not self.stopping.is_set():
                                self._sync(store, one)
            except Exception as error:  # noqa: BLE001 - nobody else writes them
                for one in due:
                    self._failed(one, error)
            next_s = min(one.due_s for one in self._audiences)
            self.stopping.wait(max(0.0, next_s - time.monotonic()))

    def _sync(self, store: ClickHouse, one: _Audience) -> None:
        if one.booked is None:
            one.booked = standing(store, one.state.receiver) or Standing(one.state.receiver, 0, Position())
        try:
            before = stamp(store)
            pieces = exported(store, one.brand, one.name, self._destination.format, self._readable)
            write(self._destination, one.name, _unchanged(store, before, pieces))
        except HeldError as held:
            self._hold(one, str(held))
            return
        except _FAILURES as error:
            self._failed(one, error)
            if not isinstance(error, StoreError):
                self._book(store, one, one.booked.position, why=_told(error))
            return
        one.due_s = time.monotonic() + self._destination.every_s
        one.attempts, one.state.waiting_us, one.held_s = 0, 0, None
        one.state.delivered += 1
        self._degraded.clear(_key(one))
        key, _, number = before
        self._book(store, one, Position({AUDIENCES: Place(int(str(number)), 0)}, str(key)), written=1)

    def _hold(self, one: _Audience, why: str) -> None:
        now_s = time.monotonic()
        one.due_s = now_s + _HELD_S
        one.held_s = now_s if one.held_s is None else one.held_s
        if now_s - one.held_s > _LONG_S:
            self._degraded.set(
                _key(one),
                f"destination {one.state.receiver}: not written for {now_s - one.held_s:,.0f} s: {why}",
            )

    def _book(
        self, store: ClickHouse, one: _Audience, position: Position, *, written: int = 0, why: str = ""
    ) -> None:
        booked = one.booked
        assert booked is not None  # noqa: S101 - read before
        if not written and booked.failing == why:
            return
        one.booked = Standing(
            booked.receiver, booked.number + 1, position, booked.delivered + written, 0, "", why
        )
        book(store, one.booked, self._clock())

    def _failed(self, one: _Audience, error: Exception) -> None:
        one.attempts += 1
        one.state.failed += 1
        one.state.waiting_us = one.state.waiting_us or self._clock()
        wait_s = min(pause_s(one.attempts, self._pauses), float(self._destination.every_s))
        one.due_s = time.monotonic() + wait_s
        why = _told(error)
        _log.warning("destination %s: tried again in %.0f s: %s", one.state.receiver, wait_s, why)
        self._degraded.set(_key(one), f"destination {one.state.receiver}: not written, tried again: {why}")


def _key(one: _Audience) -> tuple[str, str]:
    return "destination", one.state.receiver


def _told(error: Exception) -> str:
    return (str(error) if isinstance(error, _FAILURES) else place_of(error))[:_CUT]


def _unchanged(store: ClickHouse, before: Stamp, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces; raise HeldError at their end where somebody was erased since the stamp, or another key is in force."""
    yield from pieces
    if stamp(store)[:2] != before[:2]:
        raise HeldError("somebody was erased meanwhile, or handles got another key")
