"""Publishes every change of stage to the Kafka topic `stages`, those of a customer to one partition."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.topics import STAGES
from streams.alerts.delivery.topic import Acknowledged
from streams.feed.announcements import Wanted
from streams.settings import KafkaSettings

__all__ = ["FeedTopic", "StagesSend"]


@dataclass(frozen=True, slots=True)
class FeedTopic:
    """A listener that wants every change; its name is none that a receiver of a file may have."""

    name: str = "topic stages"
    wanted: Wanted = field(default_factory=Wanted)
    batch: int = 500
    begin: Literal["now", "beginning"] = "now"
    readable: bool = False


class StagesSend(Acknowledged):
    """Sends events to Kafka and waits until all are acknowledged."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings, STAGES)

    def __call__(self, events: Sequence[dict[str, Any]]) -> None:
        """Send events. Raises NotDeliveredError; Kafka may have some all the same, and gets all of them again."""
        self.send(events, lambda event: int(event["subject"], 16))
