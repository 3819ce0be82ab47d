"""Reads single events from the topic `events.in`, passes them through the edge, and writes frames to `interactions`.

An offset is committed once every frame with its event is acknowledged. An error before that ends the session: new
clients are made, and records that were not committed are redelivered; intake drops the repeats.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from schemas.topics import EVENTS_IN, INTERACTIONS
from streams.clock import Clock, system_clock
from streams.edge import Edge
from streams.faults import kill_point
from streams.kafka import records
from streams.kafka.clients import CommitFailedError, KafkaError, RebalanceInProgressError, consumer
from streams.kafka.cloudevents import line_of
from streams.kafka.deleted_records import LostRecords
from streams.kafka.errors import BrokerError, DeliveryError, UnreachableError
from streams.kafka.gateway_losses import GatewayLosses
from streams.kafka.gateway_state import GatewayState
from streams.kafka.groups import GATEWAY
from streams.kafka.parcels import PASS_BYTES, Parcel, pack_placed, parcels
from streams.kafka.sender import Sender
from streams.kafka.stuck_consumer import StuckConsumerDetector, positions
from streams.kafka.topics import partition_count
from streams.log.frame import Frame
from streams.settings import Settings

__all__ = ["Gateway"]

_DELIVERY_S = 20.0
_POLL_MS = 500
_POLL_RECORDS = 10_000
_COMMIT_MS = 10_000
_CLOSE_MS = 5_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_log = logging.getLogger(__name__)

Line = tuple[bytes, int, int]  # an event as JSON, and the partition and offset of its record


class Gateway:
    """A member of the consumer group; run as many as `events.in` has partitions, at most.

    Memory is bounded: one answer of each broker, one poll of it, and what the sender has under way.

    Parameters
    ----------
    settings
        Of Kafka, and of how long records are gathered (`worker.batch_s`).
    edge
        Validates and hashes.
    took
        Called with the time (us) of the oldest of some records, once their frames are acknowledged.
    """

    def __init__(
        self,
        settings: Settings,
        edge: Edge,
        *,
        clock: Clock = system_clock,
        took: Callable[[int], None] = lambda _: None,
    ) -> None:
        lost = LostRecords(settings.kafka.prefix)
        self.settings = settings
        self.state = GatewayState(started_us=clock(), progress_us=clock(), lost=lost)
        self._kafka, self._edge, self._clock, self._took = settings.kafka, edge, clock, took
        self._stopping = threading.Event()
        self._pause_s = _FIRST_PAUSE_S

    def stop(self) -> None:
        """Finish the poll in hand, commit, leave the group; `run` returns then. For signal handlers and threads."""
        self._stopping.set()

    def run(self) -> None:
        """Work until `stop`; brokers that go away are waited for.

        Raises
        ------
        BrokerError
            At the start only: the credentials are refused, or a topic is missing.
        """
        while not self._stopping.is_set():
            try:
                self._session()
            except (BrokerError, KafkaError, OSError) as error:
                if self.state.sessions == 0 and not isinstance(error, UnreachableError):
                    raise
                self.state.failed(str(error))
                _log.warning("starting over in %.1f s, nothing is lost: %s", self._pause_s, error)
                self._stopping.wait(self._pause_s)
                self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def _session(self) -> None:
        """Work with one set of clients, until they fail or `stop`."""
        partition_count(self._kafka, EVENTS_IN)  # a consumer would wait for a missing topic without a word
        partitions = partition_count(self._kafka, INTERACTIONS)
        with ExitStack() as stack:
            sender = stack.enter_context(Sender[Parcel](self._kafka, INTERACTIONS, delivery_s=_DELIVERY_S))
            source = _consumer(self.settings)
            losses = GatewayLosses(source, self.state.lost)
            stack.callback(source.close, autocommit=False, timeout_ms=_CLOSE_MS)
            self.state.sessions += 1
            silence = StuckConsumerDetector(source, self._kafka.prefix + EVENTS_IN)
            _log.info("reading %s as %s", self._kafka.prefix + EVENTS_IN, self._kafka.prefix + GATEWAY)
            while not self._stopping.is_set():
                if sender.partitions() > partitions:
                    raise BrokerError(f"{sender.topic} has more partitions than before", topic=sender.topic)
                polled = source.poll(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
                losses.look(polled)  # before anything is committed
                self._step(polled, source, silence, sender, partitions)

    def _step(
        self,
        polled: Mapping[Any, Sequence[Any]],
        source: Any,
        silence: StuckConsumerDetector,
        sender: Sender[Parcel],
        partitions: int,
    ) -> None:
        if not polled:
            self._idle(source, silence)
            return
        silence.broken()
        packed = [self._send(lines, sender, partitions) for lines in _chunked(polled)]
        if failed := sender.wait():
            raise DeliveryError(
                f"{sender.topic} did not take {len(failed)} frames: {failed[0].error}", topic=sender.topic
            )
        self._commit(source)
        self._pause_s = _FIRST_PAUSE_S
        for frame, count in packed:
            self.state.took(frame, count)
        self._took(_oldest_us(polled))
        self.state.stands(_lag(source), self._clock())

    def _send(self, lines: Sequence[Line], sender: Sender[Parcel], partitions: int) -> tuple[Frame, int]:
        places = np.array([(partition, offset) for _, partition, offset in lines], dtype=np.int64)
        topic = self._kafka.prefix + EVENTS_IN
        frame = pack_placed(
            [line for line, _, _ in lines], places, self._edge, topic=topic, now_us=self._clock()
        )
        cut = list(parcels(frame, partitions))
        with kill_point("kafka.send"):
            for parcel in cut:
                sender.send(parcel, parcel.data, parcel.partition)
        return frame, len(cut)

    def _idle(self, source: Any, silence: StuckConsumerDetector) -> None:
        lag = silence.look()
        if lag is None:
            return
        if positions(source) != self.state.committed:
            self._commit(source)  # past the end marks of an application's transactions
        if any(lag.values()):
            self.state.lag = lag
        else:
            self.state.stands(lag, self._clock())

    def _commit(self, source: Any) -> None:
        reached = positions(source)
        try:
            with kill_point("kafka.commit"):
                source.commit(timeout_ms=_COMMIT_MS)
        except (CommitFailedError, RebalanceInProgressError) as error:
            _log.info("partitions went to another gateway; what it reads again is dropped later: %s", error)
        else:
            self.state.committed = reached


def _consumer(settings: Settings) -> Any:
    records.install()
    source = consumer(
        settings.kafka,
        group_id=settings.kafka.prefix + GATEWAY,
        auto_offset_reset="earliest",
        max_poll_records=_POLL_RECORDS,
        # A few records are waited for, so that they travel in frames worth their while.
        fetch_min_bytes=2**16,
        fetch_max_wait_ms=int(settings.worker.batch_s * 1000),
        fetch_max_bytes=2**24,
        max_partition_fetch_bytes=2**21,
        session_timeout_ms=int(settings.worker.session_s * 1000),
        heartbeat_interval_ms=int(settings.worker.session_s * 200),
    )
    topic = settings.kafka.prefix + EVENTS_IN
    source.subscribe([topic])
    source.partitions_for_topic(topic)  # a leader that does not know them yet would give none to anybody
    return source


def _chunked(polled: Mapping[Any, Sequence[Any]]) -> Iterator[list[Line]]:
    """Yield the records of a poll as lines, as many at a time as the edge should hold."""
    chunk: list[Line] = []
    size = 0
    for found in polled.values():
        for record in found:
            line = line_of(record.value, record.headers)
            if chunk and size + len(line) > PASS_BYTES:
                yield chunk
                chunk, size = [], 0
            chunk.append((line, record.partition, record.offset))
            size += len(line)
    if chunk:
        yield chunk


def _oldest_us(polled: Mapping[Any, Sequence[Any]]) -> int:
    """Return the earliest time of the records that come first in their partition, 0 where none has any."""
    return 1000 * min((found[0].timestamp or 0 for found in polled.values() if found), default=0)


def _lag(source: Any) -> dict[int, int]:
    ends = {place.partition: source.highwater(place) for place in source.assignment()}
    return {p: max(0, (ends[p] or 0) - at) for p, at in positions(source).items() if p in ends}
