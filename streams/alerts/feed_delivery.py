"""Sends changes of stage to receivers in order, on a thread and a connection for each, from where each of them stands."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from streams.alerts.delivery.addresses import AddressError, Target, checked
from streams.alerts.delivery.deliverer import Pauses
from streams.alerts.delivery.http import post
from streams.alerts.delivery.senders import signed
from streams.alerts.feed_lane import LOOK_S, FeedListener, Lane, LaneOptions, SendEvents
from streams.alerts.feed_receivers import FeedReceiver
from streams.alerts.state import FeedState
from streams.clock import Clock, system_clock
from streams.handles.readable import ReadableReader
from streams.process.degraded import Degraded
from streams.settings import SettingsError
from streams.store.clickhouse import ClickHouse

__all__ = ["FeedDelivery", "send"]

_IDLE_S = 10.0  # between two looks where nothing is told of
_AUDIENCES_S = 2.0  # and of audiences, of which nobody tells
_STOP_S = 1.0


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
    degraded
        Registry for receivers that are not served.
    what
        What receivers are, in messages.
    audiences_s
        Seconds between two looks for changes of audiences, where `wrote` is not called.

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
        degraded: Degraded | None = None,
        what: str = "feed",
        audiences_s: float = _AUDIENCES_S,
    ) -> None:
        try:
            sends = [_webhook(receiver, clock) for receiver in receivers]
        except AddressError as error:
            raise SettingsError(str(error)) from error
        idle_s = _IDLE_S if is_told else LOOK_S
        self._lanes = [
            Lane(
                listener,
                send_events,
                open_store,
                LaneOptions(
                    clock,
                    pauses or Pauses(),
                    audiences_s if listener.wanted.audiences else idle_s,
                    degraded or Degraded(),
                    what,
                ),
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
