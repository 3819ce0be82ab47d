"""Sends who enters and leaves an audience to a Kafka topic, as CloudEvents keyed by brand and customer."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from streams.alerts.delivery.http import NotDeliveredError
from streams.destinations.config import KafkaDestination
from streams.kafka.errors import BrokerError
from streams.kafka.sender import Sender
from streams.settings import KafkaSettings

__all__ = ["TopicSend", "key_of"]

_DELIVERY_S = 10.0  # for which a thread may block; what was not acknowledged is tried again
_HEADERS = (("content-type", b"application/cloudevents+json"),)  # CloudEvents' Kafka binding, structured


def key_of(event: dict[str, Any]) -> bytes:
    """Return the key of an event's record: brand and customer, as the event's `source` and `subject` have them.

    >>> key_of({"source": "/journey/lumiere", "subject": "d9e5e73b6144e7a3"})
    b'lumiere/d9e5e73b6144e7a3'
    """
    return f"{event['source'].rpartition('/')[2]}/{event['subject']}".encode()


class TopicSend:
    """A sender to one topic, which waits until Kafka has acknowledged all; a client is made when it is needed."""

    def __init__(self, destination: KafkaDestination, settings: KafkaSettings) -> None:
        self._settings = replace(settings, servers=destination.servers or settings.servers)
        self._topic = destination.topic
        self._sender: Sender[int] | None = None

    def __call__(self, events: Sequence[dict[str, Any]]) -> None:
        """Send events. Raises NotDeliveredError; Kafka may have some all the same, and gets all of them again."""
        try:
            if self._sender is None:
                self._sender = Sender(self._settings, self._topic, delivery_s=_DELIVERY_S)
            for number, event in enumerate(events):
                text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
                self._sender.send(number, text.encode(), key=key_of(event), headers=_HEADERS)
            failed = self._sender.wait()
        except BrokerError as error:
            raise NotDeliveredError(str(error)) from error
        if failed:
            raise NotDeliveredError(str(failed[0].error) or type(failed[0].error).__name__)

    def close(self) -> None:
        """Let go of the client."""
        if self._sender is not None:
            self._sender.close()
