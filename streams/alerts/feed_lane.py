"""Sends what the feed has to one receiver in order, on a thread and a connection, from where the receiver stands."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from journey.errors import UserError
from streams.alerts.delivery.addresses import AddressError
from streams.alerts.delivery.deliverer import Pauses, pause_s
from streams.alerts.delivery.http import DeliveryRefusedError, NotDeliveredError
from streams.alerts.state import FeedState
from streams.clock import Clock
from streams.edge.readable import ReadableError
from streams.feed.announcements import Found, Page, Wanted, document, now, read, with_handles
from streams.feed.position import BEGINNING
from streams.feed.standing import Standing, book, standing
from streams.handles.readable import ReadableReader
from streams.http.problems import place_of
from streams.process.degraded import Degraded
from streams.store.clickhouse import ClickHouse
from streams.store.port import StoreError

__all__ = ["LOOK_S", "FeedListener", "Lane", "LaneOptions", "SendEvents"]

LOOK_S = 0.5  # between two looks at the least
_SOON_S = 0.2  # after events
_BOOK_S = 1.0  # between two writes of a position while events are delivered
_PASSED_S = 30.0  # while none is wanted
_CUT = 300
_log = logging.getLogger(__name__)


SendEvents = Callable[[Sequence[dict[str, Any]]], None]
"""Sends events once; raises AddressError, NotDeliveredError or DeliveryRefusedError."""


class FeedListener(Protocol):
    """A receiver of changes of stage, as a lane sees it."""

    @property
    def name(self) -> str:
        """By which its position is kept."""

    @property
    def wanted(self) -> Wanted:
        """Which changes it gets."""

    @property
    def batch(self) -> int:
        """How many events are sent at once, at most."""

    @property
    def begin(self) -> Literal["now", "beginning"]:
        """Where it begins when it is new."""

    @property
    def readable(self) -> bool:
        """Whether it gets the readable handles of customers."""


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """What lanes have in common.

    Attributes
    ----------
    idle_s
        Seconds after which a lane looks that nobody told of more.
    degraded
        Registry for a receiver that is not served.
    what
        What the receiver is, in messages.
    """

    clock: Clock
    pauses: Pauses
    idle_s: float
    degraded: Degraded
    what: str = "feed"


class Lane:
    """A thread that sends to one receiver: `thread.start()` begins, `stopping` and `news` set end it.

    Parameters
    ----------
    open_store
        Opens a connection, in the thread.
    readable
        Gives readable handles, for a receiver that gets them.
    """

    def __init__(
        self,
        receiver: FeedListener,
        send_events: SendEvents,
        open_store: Callable[[], ClickHouse],
        options: LaneOptions,
        readable: ReadableReader | None,
    ) -> None:
        self._readable, self._read_s = readable, 0.0
        self._receiver, self._send, self._open = receiver, send_events, open_store
        self._clock, self._pauses, self._idle_s = options.clock, options.pauses, options.idle_s
        self._degraded, self._what = options.degraded, options.what
        self._name = f"{options.what} {receiver.name}"
        self.state = FeedState(receiver.name)
        self.stopping, self.news = threading.Event(), threading.Event()
        self._booked: Standing | None = None
        self._booked_s = 0.0
        self.thread = threading.Thread(target=self._run, name=self._name, daemon=True)

    def _run(self) -> None:
        attempt = 0
        while not self.stopping.is_set():
            try:
                with closing(self._open()) as store:
                    self._deliver_all(store)
            except Exception as error:  # noqa: BLE001 - nobody else serves this receiver
                attempt += 1
                wait_s = pause_s(min(attempt, 5), self._pauses)
                why = str(error) if isinstance(error, UserError | OSError) else place_of(error)
                _log.warning("%s: looking again in %.0f s: %s", self._name, wait_s, why)
                self._say(why)
                self.stopping.wait(wait_s)

    def _deliver_all(self, store: ClickHouse) -> None:
        """Send what comes until it is to end."""
        stands = self._begun(store)
        try:
            while not self.stopping.is_set():
                self.news.clear()
                self._read_s = time.monotonic()
                page = self._page(store, stands)
                for first in range(0, len(page.announcements), self._receiver.batch):
                    some = page.announcements[first : first + self._receiver.batch]
                    if (after := self._deliver(store, some, stands)) is None:
                        return  # it is to end
                    stands = after
                    self._book(store, stands, within_s=_BOOK_S)
                stands = replace(stands, position=page.position)
                self._book(store, stands, within_s=0.0 if page.is_whole else _BOOK_S)
                if page.is_held:
                    self.stopping.wait(LOOK_S)
                if page.is_whole:
                    self.stopping.wait(_SOON_S if page.announcements else LOOK_S)
                    self.news.wait(self._idle_s - LOOK_S)
        finally:
            self._book(store, stands, within_s=0.0)

    def _begun(self, store: ClickHouse) -> Standing:
        """Return how far the receiver is; note where one that is new begins."""
        found = standing(store, self.state.receiver)
        if found is None:
            position = BEGINNING if self._receiver.begin == "beginning" else now(store)
            found = Standing(self.state.receiver, 0, position)
            self._write(store, found)
        self._booked = found
        return found

    def _deliver(self, store: ClickHouse, some: Sequence[Found], stands: Standing) -> Standing | None:
        """Send events until the receiver has taken or refused them; return how far it is then, None when stopped before."""
        self.state.waiting_us = some[0].announced_us
        attempt = 0
        while not self.stopping.is_set():
            attempt += 1
            fresh = self._as_of_now(store, some, stands)
            try:
                if fresh:
                    self._send([document(one) for one in fresh])
            except (NotDeliveredError, AddressError) as error:  # a name may lead elsewhere tomorrow
                self.state.failed += 1
                _log.warning("%s, attempt %d: %s", self._name, attempt, error)
                if attempt == 1:
                    self._note(store, stands, str(error))
                self.stopping.wait(pause_s(attempt, self._pauses, getattr(error, "after_s", 0.0)))
                continue
            except DeliveryRefusedError as error:
                _log.warning(
                    "%s refuses %d events from %s on: %s",
                    self._name, len(some), document(some[0])["id"], error,
                )  # fmt: skip
                self.state.refused += len(fresh)
                stands = replace(stands, refused=stands.refused + len(fresh), detail=str(error)[:_CUT])
            else:
                self.state.delivered += len(fresh)
                stands = replace(stands, delivered=stands.delivered + len(fresh))
            self.state.waiting_us = 0
            return replace(stands, position=some[-1].position)
        return None

    def _page(self, store: ClickHouse, stands: Standing) -> Page:
        try:
            page = read(store, stands.position, self._receiver.wanted, readable=self._readable)
        except ReadableError as error:
            self._note(store, stands, str(error))
            raise
        if not page.announcements:
            self._say("")
            if self._booked is not None and self._booked.failing:  # and what was not taken is erased
                self._write(store, replace(stands, number=self._booked.number + 1, failing=""))
        return page

    def _as_of_now(self, store: ClickHouse, some: Sequence[Found], stands: Standing) -> Sequence[Found]:
        """Return announcements as they are now: of an event that waited, readable handles may be erased by now.

        Of audiences, those are left out that are erased themselves: nobody is sent who asked to be forgotten meanwhile.
        """
        wanted = self._receiver.wanted
        if time.monotonic() - self._read_s < _BOOK_S or not (self._readable or wanted.audiences):
            return some
        if not wanted.audiences:
            assert self._readable is not None  # noqa: S101 - as above
            found = with_handles(store, some, self._readable, some[-1].position.key)
        else:
            page = read(store, stands.position, wanted, len(some), self._readable)
            last = some[-1].sequence
            found = None if page.is_held else [one for one in page.announcements if one.sequence <= last]
        if found is None:
            raise StoreError("customers have other names by now: the key of handles was changed")
        return found

    def _say(self, why: str) -> None:
        """Say on /health why the receiver is not served, "" where it is; in the metrics an attempt has failed."""
        key = (self._what, self.state.receiver)
        if why:
            self._degraded.set(key, f"{self._name}: not delivered, tried again: {why[:_CUT]}")
        else:
            self._degraded.clear(key)

    def _note(self, store: ClickHouse, stands: Standing, why: str) -> None:
        """Keep why the receiver is not served, for who asks in another process."""
        self._say(why)
        booked = self._booked
        if booked is not None and booked.failing != why[:_CUT]:
            self._write(store, replace(stands, number=booked.number + 1, failing=why[:_CUT]))

    def _book(self, store: ClickHouse, stands: Standing, *, within_s: float) -> None:
        """Write how far the receiver is, once what it has done is so old; a position that only passed by may wait."""
        booked = self._booked
        if booked is None or booked.position == stands.position:
            return
        if (booked.delivered, booked.refused) == (stands.delivered, stands.refused):
            within_s = _PASSED_S
        if booked.failing:
            self._say("")
            within_s = 0.0
        if time.monotonic() - self._booked_s >= within_s:
            self._write(store, replace(stands, number=booked.number + 1, failing=""))

    def _write(self, store: ClickHouse, stands: Standing) -> None:
        book(store, stands, self._clock())
        self._booked, self._booked_s = stands, time.monotonic()
