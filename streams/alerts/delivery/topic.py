"""Publishes every change of an alert to the Kafka topic `alerts`, silenced ones too."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.topics import ALERTS
from streams.alerts.delivery.http import NotDeliveredError
from streams.alerts.delivery.message import document
from streams.alerts.ledger import StoredChange
from streams.kafka.errors import BrokerError
from streams.kafka.sender import Sender
from streams.settings import KafkaSettings

__all__ = ["Acknowledged", "Everything", "TopicSend"]

_DELIVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Everything:
    """A listener that wants every change."""

    name: str = "topic"
    keep_hours: float = 720.0

    def wants(self, told: StoredChange) -> bool:
        """Want it."""
        return told is not None


class Acknowledged:
    """Sends values to one topic and waits until Kafka has acknowledged all of them; a client is made when it is needed."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings, self._topic = settings, topic
        self._sender: Sender[int] | None = None

    def send(self, values: Sequence[Any], key: Callable[[Any], int]) -> None:
        """Send values as JSON, each to the partition that its key has, modulo their number.

        Raises
        ------
        NotDeliveredError
            Kafka may have some all the same.
        """
        try:
            if self._sender is None:
                self._sender = Sender(self._settings, self._topic, delivery_s=_DELIVERY_S)
            partitions = self._sender.partitions()
            for number, value in enumerate(values):
                text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
                self._sender.send(number, text.encode(), key(value) % partitions)
            failed = self._sender.wait()
        except BrokerError as error:
            raise NotDeliveredError(str(error)) from error
        if failed:
            raise NotDeliveredError(str(failed[0].error))

    def close(self) -> None:
        """Let go of the client."""
        if self._sender is not None:
            self._sender.close()


class TopicSend(Acknowledged):
    """Sends one change to Kafka and waits until it is acknowledged."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings, ALERTS)

    def __call__(self, told: StoredChange) -> None:
        """Send a change. Raises NotDeliveredError; Kafka may have it all the same, and gets it again with its id."""
        self.send([document(told)], lambda _: 0)
