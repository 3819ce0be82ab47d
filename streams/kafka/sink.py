"""Writes frames to the topic `interactions`; a write returns once every in-sync replica has acknowledged it."""

from schemas.topics import INTERACTIONS
from streams.faults import kill_point
from streams.kafka.errors import BrokerError
from streams.kafka.parcels import Parcel, parcels
from streams.kafka.sender import Sender
from streams.kafka.topics import partition_count
from streams.log.frame import Frame
from streams.log.sink import SinkError
from streams.settings import KafkaSettings

__all__ = ["KafkaSink"]


_DELIVERY_S = 10.0


class KafkaSink:
    """The topic `interactions` as a sink, acknowledged by every replica in sync.

    Raises
    ------
    SinkError
        Kafka cannot be reached, refuses, or has no such topic.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        try:
            self._partitions = partition_count(settings)
            self._sender = Sender[Parcel](settings, INTERACTIONS, delivery_s=_DELIVERY_S)
        except BrokerError as error:
            raise SinkError(str(error)) from error

    def write(self, frame: Frame) -> None:
        """Return once all of the frame is acknowledged. Raises SinkError."""
        try:
            # A restarted broker may not have heard of the newest partitions yet: their number never falls.
            self._partitions = max(self._partitions, self._sender.partitions())
        except BrokerError as error:
            raise SinkError(str(error)) from error
        with kill_point("kafka.send"):
            for parcel in parcels(frame, self._partitions):
                self._sender.send(parcel, parcel.data, parcel.partition)
        if failed := self._sender.wait():
            raise SinkError(
                f"{self._sender.topic} did not take {len(failed)} frames: {failed[0].error}",
                topic=self._sender.topic,
            )

    def lag(self) -> int:
        """Return 0: how far workers are behind is not for the collector to care."""
        return 0

    def close(self) -> None:
        """Let go of the client."""
        self._sender.close()
