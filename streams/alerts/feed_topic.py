"""Publishes every change of stage to the Kafka topic `stages`, those of a customer to one partition."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.topics import STAGES
from streams.alerts.delivery.http import NotDeliveredError
from streams.feed.announcements import Wanted
from streams.kafka.errors import BrokerError
from streams.kafka.sender import Sender
from streams.settings import KafkaSettings

__all__ = ["FeedTopic", "StagesSend"]

_DELIVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class FeedTopic:
    """A listener that wants every change; its name is none that a receiver of a file may have."""

    name: str = "topic stages"
    wanted: Wanted = field(default_factory=Wanted)
    batch: int = 500
    begin: Literal["now", "beginning"] = "now"


class StagesSend:
    """Sends events to Kafka and waits until all are acknowledged."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._sender: Sender[int] | None = None

    def __call__(self, events: Sequence[dict[str, Any]]) -> None:
        """Send events. Raises NotDeliveredError; Kafka may have some all the same, and gets all of them again."""
        try:
            if self._sender is None:
                self._sender = Sender(self._settings, STAGES, delivery_s=_DELIVERY_S)
            partitions = self._sender.partitions()
            for number, event in enumerate(events):
                value = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
                self._sender.send(number, value, int(event["subject"], 16) % partitions)
            failed = self._sender.wait()
        except BrokerError as error:
            raise NotDeliveredError(str(error)) from error
        if failed:
            raise NotDeliveredError(str(failed[0].error))

    def close(self) -> None:
        """Let go of the client."""
        if self._sender is not None:
            self._sender.close()
