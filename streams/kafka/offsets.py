"""Queries committed offsets and the ends of partitions, by a client apart from the consumer's."""

import contextlib
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from typing import Any

from streams.kafka.clients import TopicPartition, admin, broker_errors, consumer
from streams.kafka.errors import BrokerError
from streams.kafka.groups import WORKERS, OffsetSpan, spans
from streams.log.lag import Place
from streams.settings import KafkaSettings

__all__ = ["Offsets"]

_READ_MS = 5_000


class Offsets:
    """A client for the offsets of workers' partitions, for one thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._client: Any = None

    def spans(self, places: Collection[Place]) -> Mapping[Place, OffsetSpan]:
        """Return the first, committed and end offset of each partition.

        Raises
        ------
        BrokerError
            Kafka did not answer; the next call reconnects.
        """
        try:
            with broker_errors(self._settings):
                return self._spans({self._name(place): place for place in places})
        except BaseException:
            self.close()
            raise

    def _spans(self, places: Mapping[Any, Place]) -> Mapping[Place, OffsetSpan]:
        if self._client is None:
            self._client = self._stack.enter_context(admin(self._settings))
        group = self._settings.prefix + WORKERS
        if not places:
            self._client.describe_cluster()
            return {}
        return {places[name]: span for name, span in spans(self._client, group, places).items()}

    def has_record(self, place: Place, offset: int) -> bool:
        """Read from a partition, as anybody might, and return whether there is a record at or after an offset.

        There is none where the end marks of transactions are all that follows. Raises BrokerError.
        """
        name = self._name(place)
        with broker_errors(self._settings), contextlib.closing(consumer(self._settings)) as source:
            source.assign([name])
            source.seek(name, offset)
            if source.poll(timeout_ms=_READ_MS, max_records=1):
                return True
            if source.position(name) < source.end_offsets([name])[name]:
                raise BrokerError(
                    f"{place[0]}[{place[1]}] cannot be read from {offset}",
                    topic=place[0],
                    partition=place[1],
                    offset=offset,
                )
            return False

    def _name(self, place: Place) -> Any:
        return TopicPartition(self._settings.prefix + place[0], place[1])

    def close(self) -> None:
        """Close the connection."""
        self._client = None
        with contextlib.suppress(Exception):  # it may be what has failed
            self._stack.close()
