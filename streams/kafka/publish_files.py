"""Publishes files to Kafka, thousands of lines at a time: as frames of `interactions`, or one by one to `events.in`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.topics import EVENTS_IN, INTERACTIONS
from streams.clock import Clock
from streams.edge import Edge
from streams.faults import kill_point
from streams.inputs.files import InputError
from streams.kafka.errors import DeliveryError
from streams.kafka.parcels import Parcel, parcels, passes
from streams.kafka.sender import Sender
from streams.kafka.topics import partition_count
from streams.settings import KafkaSettings

__all__ = ["Published", "publish", "publish_raw"]

_LINGER_S = 0.05
_MOST_BYTES = 1_000_000  # of one record of events.in


@dataclass(slots=True)
class Published:
    """The outcome of lines: all of them acknowledged, as events or as dead letters."""

    events: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)

    @property
    def received(self) -> int:
        """How many lines there were."""
        return self.events + self.dead_letters.total()


def publish(
    lines: Iterable[bytes], settings: KafkaSettings, edge: Edge, *, origin: str, clock: Clock
) -> Published:
    """Validate lines and send them to `interactions`; what the contract refuses becomes a dead letter there.

    Parameters
    ----------
    origin
        The file's name in the table deliveries.

    Raises
    ------
    DeliveryError
        Kafka did not acknowledge everything; sending it all again is harmless.
    BrokerError
        Kafka cannot be reached, or refuses, or has no topic `interactions`.
    """
    done, partitions = Published(), partition_count(settings, INTERACTIONS)
    with Sender[Parcel](settings, INTERACTIONS) as sender:
        for frame in passes(lines, edge, topic=origin, clock=clock, partitions=partitions):
            with kill_point("kafka.send"):
                for parcel in parcels(frame, partitions):
                    sender.send(parcel, parcel.data, parcel.partition)
            done.events += len(frame.events)
            done.dead_letters.update(frame.letters.column("reason").to_pylist())
            if sender.has_failed:
                break
        failed = sender.wait()
    if failed:
        lost = sum(failure.item.events + failure.item.letters for failure in failed)
        raise _undelivered(sender.topic, lost, failed[0].error)
    return done


def publish_raw(lines: Iterable[bytes], settings: KafkaSettings, *, origin: str) -> Published:
    """Send lines as they are to `events.in`, one record each, for a gateway to validate.

    Raises
    ------
    InputError
        A line is larger than a record may be; the lines before it are sent.
    DeliveryError, BrokerError
        As for `publish`.
    """
    partition_count(settings, EVENTS_IN)
    done = Published()
    with Sender[None](settings, EVENTS_IN, linger_s=_LINGER_S) as sender:
        try:
            for number, line in enumerate(lines, 1):
                if len(line) > _MOST_BYTES:
                    raise InputError(
                        f"{origin}, event {number}: {len(line)} bytes, at most {_MOST_BYTES} as a record of {sender.topic}"
                    )
                with kill_point("kafka.send"):
                    sender.send(None, line)
                done.events += 1
                if sender.has_failed:
                    break
        finally:
            failed = sender.wait()
    if failed:
        raise _undelivered(sender.topic, len(failed), failed[0].error)
    return done


def _undelivered(topic: str, count: int, error: Exception) -> DeliveryError:
    return DeliveryError(
        f"{topic} did not acknowledge {count} events: {error}; give the command again when Kafka is well: what "
        "arrived already is dropped as repeats"
    )
