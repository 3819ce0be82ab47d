"""Where frames of the collector go: the SQLite log of a data directory, synced, or Kafka with every replica in sync."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from schemas.topics import INTERACTIONS
from streams.collector.limits import LOG_FRAMES
from streams.faults import boundary
from streams.frames import Frame, encode
from streams.log import Log, LogError

if TYPE_CHECKING:
    from streams.settings import KafkaSettings

__all__ = ["FileSink", "KafkaSink", "Sink", "SinkError", "is_full"]

_DELIVERY_S = 10.0


class SinkError(RuntimeError):
    """The log did not take a frame, or did not say so; sending its events again is harmless."""


class Sink(Protocol):
    """A log that outlives this process. Used by one thread."""

    def write(self, frame: Frame) -> None:
        """Return once the frame is safe. Raises SinkError."""

    def lag(self) -> int:
        """Return how many frames wait to be processed, as far as this process is to care."""

    def close(self) -> None:
        """Let go of it."""


class FileSink:
    """The log of a data directory, which somebody drains; each frame is synced to disk.

    Raises
    ------
    SinkError
        It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._log = Log(path, durable=True)
        self._last = self._log.last

    def write(self, frame: Frame) -> None:
        """Return once the frame is synced. Raises SinkError."""
        try:
            self._last = self._log.append(encode(frame))
        except LogError as error:
            raise SinkError(str(error)) from error

    def lag(self) -> int:
        """Return how many frames wait for whoever drains the log."""
        return max(0, self._last - self._log.committed)

    def close(self) -> None:
        """Close the log."""
        self._log.close()


class KafkaSink:
    """The topic `interactions`, acknowledged by every replica in sync.

    Raises
    ------
    SinkError
        Kafka cannot be reached, refuses, or has no such topic.
    """

    def __init__(self, settings: "KafkaSettings") -> None:
        from streams.kafka.errors import BrokerError  # noqa: PLC0415 - needs Kafka's client, as below
        from streams.kafka.packing import Parcel  # noqa: PLC0415
        from streams.kafka.sending import Sender  # noqa: PLC0415
        from streams.kafka.topics import partition_count  # noqa: PLC0415

        self._errors = BrokerError
        try:
            self._partitions = partition_count(settings)
            self._sender = Sender[Parcel](settings, INTERACTIONS, delivery_s=_DELIVERY_S)
        except BrokerError as error:
            raise SinkError(str(error)) from error

    def write(self, frame: Frame) -> None:
        """Return once all of the frame is acknowledged. Raises SinkError."""
        from streams.kafka.packing import parcels  # noqa: PLC0415 - as above

        try:
            # A restarted broker may not have heard of the newest partitions yet: their number never falls.
            self._partitions = max(self._partitions, self._sender.partitions())
        except self._errors as error:
            raise SinkError(str(error)) from error
        with boundary("kafka.send"):
            for parcel in parcels(frame, self._partitions):
                self._sender.send(parcel, parcel.data, parcel.partition)
        if failed := self._sender.wait():
            raise SinkError(f"{self._sender.topic} did not take {len(failed)} frames: {failed[0].error}")

    def lag(self) -> int:
        """Return 0: how far workers are behind is not for the collector to care."""
        return 0

    def close(self) -> None:
        """Let go of the client."""
        self._sender.close()


def is_full(lag: int) -> bool:
    """Whether so many frames wait that no more are taken."""
    return lag >= LOG_FRAMES
