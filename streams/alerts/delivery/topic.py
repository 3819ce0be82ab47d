"""Publishes every change of an alert to the Kafka topic `alerts`, silenced ones too."""

import json
from dataclasses import dataclass

from schemas.topics import ALERTS
from streams.alerts.delivery.http import NotDeliveredError
from streams.alerts.delivery.message import document
from streams.alerts.ledger import StoredChange
from streams.kafka.errors import BrokerError
from streams.kafka.sender import Sender
from streams.settings import KafkaSettings

__all__ = ["Everything", "TopicSend"]

_DELIVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Everything:
    """A listener that wants every change."""

    name: str = "topic"
    keep_hours: float = 720.0

    def wants(self, told: StoredChange) -> bool:
        """Want it."""
        return told is not None


class TopicSend:
    """Sends one change to Kafka and waits until it is acknowledged."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._sender: Sender[int] | None = None

    def __call__(self, told: StoredChange) -> None:
        """Send a change. Raises NotDeliveredError; Kafka may have it all the same, and gets it again with its id."""
        value = json.dumps(document(told), ensure_ascii=False, separators=(",", ":")).encode()
        try:
            if self._sender is None:
                self._sender = Sender(self._settings, ALERTS, delivery_s=_DELIVERY_S)
            self._sender.send(told.sequence, value, 0)
            failed = self._sender.wait()
        except BrokerError as error:
            raise NotDeliveredError(str(error)) from error
        if failed:
            raise NotDeliveredError(str(failed[0].error))

    def close(self) -> None:
        """Let go of the client."""
        if self._sender is not None:
            self._sender.close()
