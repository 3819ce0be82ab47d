"""Sends frames through Kafka, and waits for the outcome of their events once workers have processed them."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from schemas.topics import INTERACTIONS
from streams.engine.outcome import BatchOutcome
from streams.faults import kill_point
from streams.kafka.clients import broker_errors, producer
from streams.kafka.errors import BrokerError
from streams.kafka.parcels import parcels
from streams.kafka.topics import partition_count
from streams.log.frame import Frame
from streams.settings import KafkaSettings
from streams.store.clickhouse import ClickHouse

__all__ = ["UnprocessedError", "deliver"]

_IN_FLIGHT = 64  # frames that Kafka has not acknowledged
_SILENCE_S = 60.0  # without any progress of the workers
_ACKNOWLEDGE_S = 60
_PLACES = 10_000  # in one query


class UnprocessedError(BrokerError):
    """An error of events that Kafka has, but no worker has processed for a while; they will be when one runs."""


def deliver(
    frames: Iterable[Frame], settings: KafkaSettings, store: ClickHouse, *, silence_s: float = _SILENCE_S
) -> BatchOutcome:
    """Send frames to `interactions` and wait until every table has them; return what became of their events.

    Raises
    ------
    BrokerError
        Kafka cannot be reached, refuses, or has no topic `interactions`. Sending all again is harmless.
    UnprocessedError
        Kafka has everything, but the workers do not go on.
    """
    outcome, places = BatchOutcome(), _send(frames, settings, reasons := Counter[str]())
    _wait(store, {partition: max(offsets) for partition, offsets in places.items()}, silence_s)
    for partition, offsets in places.items():
        for start in range(0, len(offsets), _PLACES):
            ((received, stored, duplicates, conflicts),) = store.client.query(
                "SELECT sum(received), sum(stored), sum(duplicates), sum(conflicts) FROM deliveries"
                " WHERE _partition = {partition:UInt16} AND _offset IN {offsets:Array(UInt64)}",
                parameters={"partition": partition, "offsets": offsets[start : start + _PLACES]},
            ).result_rows
            outcome.add(BatchOutcome(int(received), int(stored), int(duplicates), conflicts=int(conflicts)))
    outcome.dead_letters = dict(reasons)
    return outcome


def _send(frames: Iterable[Frame], settings: KafkaSettings, reasons: Counter[str]) -> dict[int, list[int]]:
    """Send frames and return their offsets (from 1) by partition, once all are acknowledged."""
    partitions = partition_count(settings, INTERACTIONS)
    places: dict[int, list[int]] = {}
    sent: deque[Any] = deque()

    def acknowledge(most: int) -> None:
        while len(sent) > most:
            place = sent.popleft().get(timeout=_ACKNOWLEDGE_S)
            places.setdefault(place.partition, []).append(place.offset + 1)

    with closing(producer(settings)) as out, broker_errors(settings):
        for frame in frames:
            reasons.update(frame.letters.column("reason").to_pylist())
            for parcel in parcels(frame, partitions):
                with kill_point("kafka.send"):
                    sent.append(
                        out.send(
                            f"{settings.prefix}{INTERACTIONS}", value=parcel.data, partition=parcel.partition
                        )
                    )
            acknowledge(_IN_FLIGHT)
        acknowledge(0)
    return places


def _wait(store: ClickHouse, last: dict[int, int], silence_s: float) -> None:
    """Wait until the table deliveries has these offsets: a batch gets its row there after all its other rows."""
    best, since = -1, time.monotonic()
    while last:
        rows = store.client.query(
            "SELECT _partition, max(_offset) FROM deliveries WHERE _partition IN {partitions:Array(UInt16)}"
            " GROUP BY _partition",
            parameters={"partitions": sorted(last)},
        ).result_rows
        done = {int(partition): int(offset) for partition, offset in rows}
        if all(done.get(partition, 0) >= offset for partition, offset in last.items()):
            return
        if sum(done.values()) > best:
            best, since = sum(done.values()), time.monotonic()
        if time.monotonic() - since > silence_s:
            raise UnprocessedError(
                f"Kafka has all events, but no worker has processed them for {silence_s:.0f} s: are workers running?"
            )
        time.sleep(0.1)
