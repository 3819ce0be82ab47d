"""Publishes events from a Python application: validated, sent in frames, acknowledged by every in-sync replica."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

from pydantic_core import PydanticSerializationError, to_json

from journey.identity.handle_key import HandleKey
from journey.identity.rules import FIRST, HandleRules
from schemas.apath import default_model
from schemas.topics import INTERACTIONS
from streams.clock import Clock, system_clock
from streams.edge import Edge, Refused
from streams.edge.readable import Sealing
from streams.faults import kill_point
from streams.kafka.errors import BrokerError, DeliveryError, InvalidEvent
from streams.kafka.parcels import parcels
from streams.kafka.sender import Sender
from streams.kafka.set_key import set_key
from streams.kafka.topics import partition_count
from streams.log.frame import MAX_FRAME_BYTES, MAX_FRAME_EVENTS, Frame
from streams.mood.moods import moods_of
from streams.settings import (
    DEFAULT_DATA,
    SHARED,
    KafkaSettings,
    Settings,
    brands_wanted,
    handle_rules_wanted,
    readable_key,
    readable_wanted,
)
from streams.settings.sentiment import languages_wanted

__all__ = ["DEFAULT_POLICY", "Publisher", "PublisherPolicy"]


@dataclass(frozen=True, slots=True)
class PublisherPolicy:
    """The settings of batching and delivery.

    Attributes
    ----------
    pack
        Events that are sent together, at most.
    linger_s
        Seconds that an event waits for others, at most.
    delivery_s
        Seconds that Kafka has to acknowledge, all tries together.
    origin
        The name of the source of these events in the table deliveries.
    nobody
        Values of handles that name no one; None for those of the bundled A-Path model.
    """

    pack: int = MAX_FRAME_EVENTS
    linger_s: float = 1.0
    delivery_s: float = 120.0
    origin: str = "publisher"
    nobody: frozenset[str] | None = None


DEFAULT_POLICY = PublisherPolicy()


class Publisher:
    """A producer of events for `interactions`; callable from any number of threads.

    An event is acknowledged when `flush` (or the end of the `with` block) returns after it was published. What
    Kafka did not take is raised as DeliveryError by the next `publish`, `flush` or `close`, with the events.

    >>> with Publisher(servers=["kafka:9092"], key=bytes.fromhex(KEY)) as publisher:  # doctest: +SKIP
    ...     publisher.publish({"id": "1", "source": "shop", "type": "web.page_view", ...})

    Parameters
    ----------
    settings
        As read from the environment, which is also the default.
    servers
        Bootstrap servers instead, host:port each, where Kafka asks for no credentials.
    key
        What handles are hashed with, 32 bytes (and those of its successors); the same everywhere. Else JOURNEY_HANDLE_KEY.
        With it, JOURNEY_BRANDS must be set where the deployment's is not `separate`; so it must without JOURNEY_STORE.

    Raises
    ------
    BrokerError
        Kafka cannot be reached, refuses, or has no topic `interactions`.
    SettingsError
        There is no key.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        servers: Sequence[str] = (),
        key: bytes | None = None,
        policy: PublisherPolicy = DEFAULT_POLICY,
        clock: Clock = system_clock,
    ) -> None:
        kafka = KafkaSettings(servers=tuple(servers)) if servers else (settings or Settings.read()).kafka
        nobody = default_model().identity.nobody if policy.nobody is None else policy.nobody
        self._edge = Edge(
            _key(settings, key),
            nobody,
            rules=_rules(settings, has_key=bool(key)),
            moods=moods_of(settings.languages if settings else languages_wanted()),
            sealing=_sealing(settings),
        )
        self._policy, self._clock = policy, clock
        self._partitions = partition_count(kafka)
        self._sender = Sender[Sequence[bytes]](kafka, INTERACTIONS, delivery_s=policy.delivery_s)
        self._changed = threading.Condition()
        self._lines: list[bytes] = []
        self._bytes = self._published = 0
        self._due_s = 0.0
        self._closed = False
        self._lingering = threading.Thread(target=self._linger, name="publisher-linger", daemon=True)
        self._lingering.start()

    def publish(self, event: Mapping[str, Any] | bytes | str) -> None:
        """Take one event; it is sent with others, within `linger_s`.

        Waits while 32 MB are on their way and not acknowledged.

        Raises
        ------
        InvalidEvent
            The contract refuses it; nothing of it is sent.
        DeliveryError
            Events published before were not acknowledged; this one was not accepted.
        """
        line = _json(event)
        with self._changed:
            self._check_open()
            try:
                self._edge.check(line, self._clock())
            except Refused as reason:
                raise InvalidEvent(reason.reason, reason.detail) from None
            if self._lines and self._bytes + len(line) > MAX_FRAME_BYTES:
                self._send()
            self._lines.append(line)
            self._bytes += len(line)
            if len(self._lines) >= self._policy.pack:
                self._send()
            elif len(self._lines) == 1:
                self._due_s = time.monotonic() + self._policy.linger_s
                self._changed.notify_all()

    def flush(self) -> None:
        """Send what was published, and wait until Kafka has acknowledged it.

        Raises
        ------
        DeliveryError
            It has not, within `delivery_s`.
        """
        with self._changed:
            self._send()
        self._raise_failures()

    def close(self) -> None:
        """Flush, and let go of the connections. Raises DeliveryError."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._lingering.join()
        try:
            self.flush()
        finally:
            self._sender.close()

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerError("this publisher is closed")
        if self._sender.has_failed:
            self._raise_failures()

    def _raise_failures(self) -> None:
        if failed := self._sender.wait():
            events = [line for failure in failed for line in failure.item]
            raise DeliveryError(
                f"{self._sender.topic} did not acknowledge {len(events)} events: {failed[0].error}; publish them "
                "again (they are in `events` of this error): those that arrived all the same are dropped as repeats",
                events,
            )

    def _send(self) -> None:
        """Pack and send what has been gathered. The lock is held: who publishes meanwhile waits."""
        if not self._lines:
            return
        with suppress(BrokerError):  # then what is known holds; a failure to send is told in its place
            # A restarted broker may not have heard of the newest partitions yet: their number never falls.
            self._partitions = max(self._partitions, self._sender.partitions())
        lines, self._lines, self._bytes = self._lines, [], 0
        first = self._published + 1
        frame = self._edge.pack(lines, topic=self._policy.origin, now_us=self._clock(), first_offset=first)
        self._published += len(lines)
        events = _events_of(lines, frame, first)
        with kill_point("kafka.send"):
            for parcel in parcels(frame, self._partitions):
                self._sender.send(
                    [events[row] for row in parcel.rows if row < len(events)], parcel.data, parcel.partition
                )

    def _linger(self) -> None:
        """Send what nobody has added to in time."""
        with self._changed:
            while not self._closed:
                left_s = self._due_s - time.monotonic()
                if not self._lines:
                    self._changed.wait()
                elif left_s > 0:
                    self._changed.wait(left_s)
                else:
                    self._send()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _events_of(lines: Sequence[bytes], frame: Frame, first: int) -> Sequence[bytes]:
    """Return the lines that became events: all of them, but for what the edge refused after it had passed."""
    refused = {offset - first for offset in frame.letters.column("topic_offset").to_pylist()}
    return [line for place, line in enumerate(lines) if place not in refused] if refused else lines


def _json(event: Mapping[str, Any] | bytes | str) -> bytes:
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode("utf-8", "surrogatepass")
    try:
        return to_json(event)
    except (PydanticSerializationError, ValueError) as error:
        raise InvalidEvent("not_json", f"/: {error}") from error


def _rules(settings: Settings | None, *, has_key: bool) -> HandleRules:
    """Return the rules of the store, where it is asked for the key; else those of a store that may have any handles."""
    if has_key or not (settings := settings or Settings.read()).store:
        ours = settings.handle_rules if settings else handle_rules_wanted()
        return replace(ours, earlier=(FIRST,))
    from streams.kafka.edge import rules_of  # noqa: PLC0415 - as below

    return rules_of(settings)


def _sealing(settings: Settings | None) -> Sealing | None:
    """Return what is encrypted of handles that are kept readable; without settings, as the environment says of these alone."""
    if settings is None:
        settings = Settings(data=DEFAULT_DATA, readable=readable_wanted(), readable_key=readable_key())
    if not settings.readable:
        return None
    from streams.handles.readable_key_file import sealing_of  # noqa: PLC0415 - as below

    return sealing_of(settings)


def _key(settings: Settings | None, key: bytes | None) -> HandleKey:
    if not key:
        settings = settings or Settings.read()
        if not settings.store:
            return set_key(settings)
        from streams.kafka.edge import key_of  # noqa: PLC0415 - ClickHouse's client, where a store is named

        return key_of(settings)
    brands = settings.brands if settings else brands_wanted()
    return HandleKey(key, separate=brands != SHARED)
