"""Puts the destinations of a file together: a thread for each audience of those that get changes, one for each that is a file.

Each is by itself: one that fails, or hangs, holds up neither the others nor the upkeep of audiences.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from streams.alerts.delivery.deliverer import Pauses
from streams.alerts.feed_delivery import FeedDelivery
from streams.alerts.state import FeedState
from streams.audiences.config import Audience
from streams.clock import Clock, system_clock
from streams.destinations.config import Destination, KafkaDestination, SegmentDestination
from streams.destinations.file_sync import FileSync
from streams.destinations.names import former, parts_of, receiver_of
from streams.destinations.segment import SegmentSend
from streams.edge.readable import ReadableError
from streams.feed.announcements import NOT_ON_A_CLUSTER, Wanted
from streams.handles.readable import ReadableReader
from streams.process.degraded import Degraded
from streams.settings import Settings, SettingsError
from streams.store.connections import opener
from streams.telemetry.metrics import Sample

if TYPE_CHECKING:
    from streams.alerts.feed_lane import SendEvents
    from streams.destinations.kafka import TopicSend

__all__ = ["Destinations", "check"]

_BATCHES = {"kafka": 500, "segment": 250}
_STOP_S = 1.0
_IDLE_S = 10.0  # between two looks: `wrote` tells of what this process finds, and another may find some too


@dataclass(frozen=True, slots=True)
class _Listener:
    """An audience of a destination that gets who enters and leaves."""

    name: str
    wanted: Wanted
    batch: int
    begin: Literal["now", "beginning"]
    readable: bool


class Destinations:
    """The destinations of a file, until they are stopped.

    Parameters
    ----------
    found
        The destinations, with their secrets.
    audiences
        Those of the file.
    idle_s
        Seconds between two looks for changes, where `wrote` is not called.

    Raises
    ------
    SettingsError
        One cannot be served here; the message names it.
    StoreError
        The store does not answer.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        found: Sequence[Destination],
        audiences: Sequence[Audience],
        settings: Settings,
        *,
        clock: Clock = system_clock,
        degraded: Degraded | None = None,
        pauses: Pauses | None = None,
        idle_s: float = _IDLE_S,
    ) -> None:
        check(found, audiences, settings)
        self._clock = clock
        degraded = degraded or Degraded()
        self._sends: list[TopicSend | SegmentSend] = []
        self._files: list[FileSync] = []
        more: list[tuple[_Listener, SendEvents]] = []
        brands = {one.name: one.brand for one in audiences}
        readers: Callable[[], ReadableReader] = partial(ReadableReader.of_settings, settings)
        open_store = opener(settings, None)
        with closing(open_store()) as store:
            for one in found:
                every = {name: brands[name] for name in one.audiences} | former(store, one.name, brands)
                if isinstance(one, KafkaDestination | SegmentDestination):
                    more += self._listeners(one, every, settings)
                else:
                    reader = readers() if one.readable else None
                    sync = FileSync(
                        one, every, open_store, clock=clock, readable=reader, degraded=degraded,
                        **({} if pauses is None else {"pauses": pauses}),
                    )  # fmt: skip
                    self._files.append(sync)
        self._feed = FeedDelivery(
            [], open_store, more=more, clock=clock, pauses=pauses, readable=readers, degraded=degraded, what="destination", audiences_s=idle_s,
        )  # fmt: skip

    def _listeners(
        self, one: KafkaDestination | SegmentDestination, audiences: Iterable[str], settings: Settings
    ) -> "list[tuple[_Listener, SendEvents]]":
        found: list[tuple[_Listener, SendEvents]] = []
        for name in audiences:
            send = _send(one, settings)  # each has its own client: a thread waits for what it sent
            self._sends.append(send)
            wanted = Wanted(audiences=frozenset({name}))
            listener = _Listener(
                receiver_of(one.name, name), wanted, _BATCHES[one.kind], one.begin, one.readable
            )
            found.append((listener, send))
        return found

    def start(self) -> None:
        """Begin."""
        self._feed.start()
        for file in self._files:
            file.thread.start()

    def wrote(self) -> None:
        """Say that audiences have changed; returns at once."""
        self._feed.wrote()

    def states(self) -> list[FeedState]:
        """Return what each audience of each destination has done since the start."""
        return [*self._feed.states(), *(state for file in self._files for state in file.states())]

    def samples(self) -> Iterable[Sample]:
        """Return the metrics."""
        now_us = self._clock()
        for state in self.states():
            labels = parts_of(state.receiver)
            yield "journey_destination_deliveries_total", (*labels, "delivered"), state.delivered
            yield "journey_destination_deliveries_total", (*labels, "refused"), state.refused
            yield "journey_destination_failures_total", labels, state.failed
            waited_s = max(0, now_us - state.waiting_us) / 1e6 if state.waiting_us else 0.0
            yield "journey_destination_waiting_seconds", labels, waited_s

    def end(self) -> None:
        """Begin with nothing more; returns at once."""
        for file in self._files:
            file.stopping.set()

    def stop(self) -> None:
        """End without a long wait; what was not sent is sent after the next start."""
        self.end()
        self._feed.stop()
        until_s = time.monotonic() + _STOP_S
        for file in self._files:
            if file.thread.is_alive():
                file.thread.join(max(0.0, until_s - time.monotonic()))
        for send in self._sends:
            send.close()


def check(found: Sequence[Destination], audiences: Sequence[Audience], settings: Settings) -> None:
    """See that each destination can be served with the settings: a Kafka, the key and kinds of readable handles.

    Raises
    ------
    SettingsError
        One cannot; the message names it.
    """
    brands = {one.name: one.brand for one in audiences}
    for one in found:
        where = f"destination {one.name!r}"
        if isinstance(one, KafkaDestination | SegmentDestination) and settings.cluster:
            raise SettingsError(f"{where}: {NOT_ON_A_CLUSTER}")
        if isinstance(one, KafkaDestination) and not (one.servers or settings.kafka.servers):
            raise SettingsError(f"{where}: which Kafka? servers, or JOURNEY_KAFKA")
        if one.readable:
            _check_readable(where, one, brands, settings)


def _check_readable(where: str, one: Destination, brands: Mapping[str, str], settings: Settings) -> None:
    try:
        reader = ReadableReader.of_settings(settings)
    except ReadableError as error:
        raise SettingsError(f"{where}: readable = true: {error}") from error
    for brand in sorted({brands[name] for name in one.audiences if name in brands}):
        kinds = reader.kinds_of(brand)
        if not kinds:
            raise SettingsError(f"{where}: readable = true: JOURNEY_READABLE names no kind for {brand}")
        if isinstance(one, SegmentDestination) and one.user_id not in kinds:
            raise SettingsError(
                f"{where}: user_id: {one.user_id!r} is not kept readable for {brand}: there are {', '.join(kinds)}"
            )


def _send(one: KafkaDestination | SegmentDestination, settings: Settings) -> "TopicSend | SegmentSend":
    if isinstance(one, SegmentDestination):
        return SegmentSend(one)
    try:
        from streams.destinations.kafka import TopicSend  # noqa: PLC0415 - needs Kafka's client
    except ImportError as error:
        raise SettingsError(
            f"destination {one.name!r}: needs Kafka's client: pip install 'customer-journey-engine[kafka]'"
        ) from error
    return TopicSend(one, settings.kafka)
