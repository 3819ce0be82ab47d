"""Reports records that a gateway misses: at the start of each assigned partition, and between records that it reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.kafka.clients import ConsumerRebalanceListener
from streams.kafka.deleted_records import LostRecords

__all__ = ["GatewayLosses"]

_ANSWER_MS = 10_000


class GatewayLosses(ConsumerRebalanceListener):  # type: ignore[misc]
    """A check of the partitions and records that a subscribed consumer gets; for the consumer's thread only.

    Parameters
    ----------
    source
        The consumer.
    lost
        Gets the losses.
    """

    def __init__(self, source: Any, lost: LostRecords) -> None:
        self._source, self._lost = source, lost
        self._seen: set[Any] = set()
        source.subscribe(list(source.subscription()), listener=self)

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Check these partitions again when they are assigned again: another consumer may have read on."""
        del revoked
        self._seen.clear()

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Wait for the next look."""

    def look(self, polled: Mapping[Any, Sequence[Any]]) -> None:
        """Note what is missing before or among these records. Raises KafkaError where the brokers do not answer."""
        new = self._source.assignment() - self._seen
        if new:
            first = self._source.beginning_offsets(list(new), timeout_ms=_ANSWER_MS)
            for place in new:
                committed = self._source.committed(place, timeout_ms=_ANSWER_MS) or 0
                self._lost.begins(place.topic, place.partition, committed, first[place])
            self._seen |= new
        for place, records in polled.items():
            for record in records:
                if self._lost.skipped(place.topic, place.partition, record.offset):
                    begins = self._source.beginning_offsets([place], timeout_ms=_ANSWER_MS)[place]
                    self._lost.gap(place.topic, place.partition, record.offset, begins)
