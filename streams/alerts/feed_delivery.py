"""Sends changes of stage to receivers in order, on a thread and a connection for each, from where each of them stands."""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import pyarrow as pa

from journey.errors import UserError
from streams.alerts.delivery.addresses import AddressError, Target, checked
from streams.alerts.delivery.deliverer import Pauses, pause_s
from streams.alerts.delivery.http import DeliveryRefusedError, NotDeliveredError, post
from streams.alerts.delivery.senders import signed
from streams.alerts.feed_receivers import FeedReceiver
from streams.alerts.state import FeedState
from streams.clock import Clock, from_us, system_clock
from streams.feed.announcements import Found, Wanted, document, now, read, with_handles
from streams.feed.position import BEGINNING, Position
from streams.handles.readable import ReadableReader
from streams.http.problems import place_of
from streams.settings import SettingsError
from streams.store.clickhouse import ClickHouse
from streams.store.port import StoreError

__all__ = ["FeedDelivery", "FeedListener", "SendEvents", "Standing", "send", "standing"]

_SOON_S, _LOOK_S, _IDLE_S = (
    0.2,
    0.5,
    10.0,
)  # between two looks: after events, at the least else, and where nothing is told of
_AUDIENCES_S = 2.0  # and of audiences, of which nobody tells
_BOOK_S = 1.0  # between two writes of a position while events are delivered
_PASSED_S = 30.0  # while none is wanted
_STOP_S = 1.0
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
class Standing:
    """How far a receiver is, as the table feed_positions has it."""

    receiver: str
    number: int
    position: Position
    delivered: int = 0
    refused: int = 0
    detail: str = ""


def standing(store: ClickHouse, receiver: str) -> Standing | None:
    """Return how far a receiver is, None where it is new."""
    rows = store.rows(
        "SELECT number, position, delivered, refused, detail FROM feed_positions WHERE receiver = {receiver:String}"
        " ORDER BY number DESC LIMIT 1",
        {"receiver": receiver},
    )
    if not rows:
        return None
    row = rows[0]
    position = Position.parse(row["position"])
    return Standing(receiver, row["number"], position, row["delivered"], row["refused"], row["detail"])


def send(receiver: FeedReceiver, target: Target, events: Sequence[dict[str, Any]], clock: Clock) -> None:
    """Send events once, as the standards say: CloudEvents in JSON, signed by Standard Webhooks.

    Raises
    ------
    AddressError, NotDeliveredError, DeliveryRefusedError
        The receiver has not taken them.
    """
    is_list = receiver.batch > 1
    body = json.dumps(events if is_list else events[0], ensure_ascii=False, separators=(",", ":")).encode()
    kind = str(events[0]["type"]).split(".")[1]  # journey.stage.changed, journey.audience.entered
    identity = f"{kind}-{events[0]['id']}" + (f"-{len(events)}" if is_list else "")
    headers = {
        **receiver.headers,
        "content-type": f"application/cloudevents{'-batch' if is_list else ''}+json",
        **signed(receiver.secret, identity, body, clock),
    }
    post(target, body, headers, private=receiver.private)


def _webhook(receiver: FeedReceiver, clock: Clock) -> SendEvents:
    target = checked(receiver.url, private=receiver.private)
    return lambda events: send(receiver, target, events, clock)


class FeedDelivery:
    """A sender of changes of stage to the receivers of a file; each that is away is waited for, and holds up no other.

    An event is sent again where its delivery was not booked: at least once, each time with the same id.

    Parameters
    ----------
    open_store
        Opens a connection, in the thread that uses it.
    more
        Others, such as the topic, each with what sends to it.
    is_told
        Whether `wrote` is called when the tables have more; else they are looked at twice a second.
    readable
        Gives readable handles to the receivers that get them; called where there is one.

    Raises
    ------
    SettingsError
        An address cannot be used.
    ReadableError
        A receiver gets readable handles, and there are none, or their key is not there.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        receivers: Sequence[FeedReceiver],
        open_store: Callable[[], ClickHouse],
        *,
        more: Sequence[tuple[FeedListener, SendEvents]] = (),
        clock: Clock = system_clock,
        pauses: Pauses | None = None,
        is_told: bool = False,
        readable: Callable[[], ReadableReader] | None = None,
    ) -> None:
        try:
            sends = [_webhook(receiver, clock) for receiver in receivers]
        except AddressError as error:
            raise SettingsError(str(error)) from error
        idle_s = _IDLE_S if is_told else _LOOK_S
        self._lanes = [
            _Lane(
                listener,
                send_events,
                open_store,
                (clock, pauses or Pauses(), _AUDIENCES_S if listener.wanted.audiences else idle_s),
                readable() if readable is not None and listener.readable else None,
            )
            for listener, send_events in [*zip(receivers, sends, strict=True), *more]
        ]

    def start(self) -> None:
        """Begin to send."""
        for lane in self._lanes:
            lane.thread.start()

    def wrote(self) -> None:
        """Say that the tables have more; returns at once."""
        for lane in self._lanes:
            lane.news.set()

    def states(self) -> list[FeedState]:
        """Return what each receiver has done since the start."""
        return [lane.state for lane in self._lanes]

    def stop(self) -> None:
        """End the threads without a long wait; what was not sent is sent after the next start."""
        for lane in self._lanes:
            lane.stopping.set()
            lane.news.set()
        until_s = time.monotonic() + _STOP_S
        for lane in self._lanes:
            if lane.thread.is_alive():
                lane.thread.join(max(0.0, until_s - time.monotonic()))


class _Lane:
    def __init__(
        self,
        receiver: FeedListener,
        send_events: SendEvents,
        open_store: Callable[[], ClickHouse],
        timing: tuple[Clock, Pauses, float],
        readable: ReadableReader | None,
    ) -> None:
        self._readable, self._read_s = readable, 0.0
        self._receiver, self._send, self._open = receiver, send_events, open_store
        self._clock, self._pauses, self._idle_s = timing
        self.state = FeedState(receiver.name)
        self.stopping, self.news = threading.Event(), threading.Event()
        self._booked: Standing | None = None
        self._booked_s = 0.0
        self.thread = threading.Thread(target=self._run, name=f"feed {receiver.name}", daemon=True)

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
                _log.warning("feed %s: looking again in %.0f s: %s", self.state.receiver, wait_s, why)
                self.stopping.wait(wait_s)

    def _deliver_all(self, store: ClickHouse) -> None:
        """Send what comes until it is to end."""
        stands = self._begun(store)
        try:
            while not self.stopping.is_set():
                self.news.clear()
                self._read_s = time.monotonic()
                page = read(store, stands.position, self._receiver.wanted, readable=self._readable)
                for first in range(0, len(page.announcements), self._receiver.batch):
                    some = page.announcements[first : first + self._receiver.batch]
                    if (after := self._deliver(store, some, stands)) is None:
                        return  # it is to end
                    stands = after
                    self._book(store, stands, within_s=_BOOK_S)
                stands = replace(stands, position=page.position)
                self._book(store, stands, within_s=0.0 if page.is_whole else _BOOK_S)
                if page.is_held:
                    self.stopping.wait(_LOOK_S)
                if page.is_whole:
                    self.stopping.wait(_SOON_S if page.announcements else _LOOK_S)
                    self.news.wait(self._idle_s - _LOOK_S)
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
            try:
                self._send([document(one) for one in self._as_of_now(store, some)])
            except (NotDeliveredError, AddressError) as error:  # a name may lead elsewhere tomorrow
                self.state.failed += 1
                _log.warning("feed %s, attempt %d: %s", self.state.receiver, attempt, error)
                self.stopping.wait(pause_s(attempt, self._pauses, getattr(error, "after_s", 0.0)))
                continue
            except DeliveryRefusedError as error:
                _log.warning(
                    "feed %s refuses %d events from %s on: %s",
                    self.state.receiver, len(some), document(some[0])["id"], error,
                )  # fmt: skip
                self.state.refused += len(some)
                stands = replace(stands, refused=stands.refused + len(some), detail=str(error)[:_CUT])
            else:
                self.state.delivered += len(some)
                stands = replace(stands, delivered=stands.delivered + len(some))
            self.state.waiting_us = 0
            return replace(stands, position=some[-1].position)
        return None

    def _as_of_now(self, store: ClickHouse, some: Sequence[Found]) -> Sequence[Found]:
        """Return announcements with readable handles that are there still: of an event that waited, some may be erased by now."""
        if self._readable is None or time.monotonic() - self._read_s < _BOOK_S:
            return some
        found = with_handles(store, some, self._readable, some[-1].position.key)
        if found is None:
            raise StoreError("customers have other names by now: the key of handles was changed")
        return found

    def _book(self, store: ClickHouse, stands: Standing, *, within_s: float) -> None:
        """Write how far the receiver is, once what it has done is so old; a position that only passed by may wait."""
        booked = self._booked
        if booked is None or booked.position == stands.position:
            return
        if (booked.delivered, booked.refused) == (stands.delivered, stands.refused):
            within_s = _PASSED_S
        if time.monotonic() - self._booked_s >= within_s:
            self._write(store, replace(stands, number=booked.number + 1))

    def _write(self, store: ClickHouse, stands: Standing) -> None:
        row = {
            "receiver": pa.array([stands.receiver]),
            "number": pa.array([stands.number], pa.uint64()),
            "position": pa.array([str(stands.position)]),
            "delivered": pa.array([stands.delivered], pa.uint64()),
            "refused": pa.array([stands.refused], pa.uint64()),
            "detail": pa.array([stands.detail]),
            "at": pa.array([from_us(self._clock())], pa.timestamp("us", "UTC")),
        }
        store.insert("feed_positions", pa.table(row))
        self._booked, self._booked_s = stands, time.monotonic()
