"""Detects a consumer that returns nothing although its topic has records, as Kafka clients sometimes do."""

import time
from typing import Any

from streams.kafka.clients import KafkaTimeoutError, TopicPartition
from streams.kafka.errors import BrokerError

__all__ = ["StuckConsumerDetector", "positions"]

_LOOK_S = 5.0
_LONGEST_S = 30.0
_ANSWER_MS = 10_000
_BRIEF_MS = 1_000


class StuckConsumerDetector:
    """A periodic comparison of a topic's end offsets with the consumer's position.

    A member of the group without partitions looks at what all members have read.
    """

    def __init__(self, source: Any, topic: str) -> None:
        self._source, self._topic = source, topic
        self._look_s = self._since_s = time.monotonic()
        self._read: dict[int, int] = {}

    def broken(self) -> None:
        """Note that records came."""
        self._since_s = time.monotonic()

    def look(self) -> dict[int, int] | None:
        """Return the lag by partition; None where it is too early to look again, or nothing can be seen.

        Raises
        ------
        BrokerError
            Records have been waiting, and none has come for 30 s.
        KafkaError
            The brokers do not answer.
        """
        now_s = time.monotonic()
        if now_s < self._look_s:
            return None
        self._look_s = now_s + _LOOK_S
        own = self._source.assignment()
        places = list(own) or [
            TopicPartition(self._topic, p) for p in self._source.partitions_for_topic(self._topic)
        ]
        ends = self._source.end_offsets(places, timeout_ms=_ANSWER_MS)
        try:
            read = positions(self._source) if own else self._committed(places)
        except KafkaTimeoutError:  # the group is rebalancing; its assignment is unknown meanwhile
            return None
        lag = {place.partition: max(0, end - read.get(place.partition, 0)) for place, end in ends.items()}
        if not any(lag.values()) or (not own and read != self._read):
            self._since_s = now_s
        self._read = read
        if now_s > self._since_s + _LONGEST_S:
            raise BrokerError(
                f"{sum(lag.values())} records of {self._topic} wait, and none came for {_LONGEST_S:g} s"
            )
        return lag if own else {}

    def _committed(self, places: list[Any]) -> dict[int, int]:
        return {place.partition: self._source.committed(place, timeout_ms=_BRIEF_MS) or 0 for place in places}


def positions(source: Any) -> dict[int, int]:
    """Return, by partition, the offset that a consumer reads next."""
    found = {place.partition: source.position(place, timeout_ms=0) for place in source.assignment()}
    return {partition: position for partition, position in found.items() if position is not None}
