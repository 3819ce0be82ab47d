"""Defines the errors of Kafka's brokers, topics and deliveries; importable without a Kafka client."""

from collections.abc import Sequence

from journey.errors import UserError

__all__ = ["BrokerError", "DeliveryError", "InvalidEvent", "TopicError", "UnreachableError"]


class BrokerError(UserError, RuntimeError):
    """An error of a Kafka that cannot be used as set; the message says what to check, and never a password."""


class UnreachableError(BrokerError):
    """An error of brokers that do not answer now; a retry may succeed."""


class TopicError(BrokerError):
    """An error of a topic that is missing, or differs from its declaration; nothing was changed."""


class DeliveryError(BrokerError):
    """An error of records that Kafka did not acknowledge in time; they may be there all the same.

    Attributes
    ----------
    events
        The events that were not acknowledged, as JSON. Publishing them again is harmless: repeats are dropped.
    """

    def __init__(self, message: str, events: Sequence[bytes] = (), *, topic: str | None = None) -> None:
        super().__init__(message, topic=topic)
        self.events = tuple(events)


class InvalidEvent(ValueError):  # noqa: N818 - it is what the caller gave, not a failure of ours
    """An error of an event that the contract refuses; nothing of it was sent.

    Attributes
    ----------
    reason
        A code of `streams.edge.REASONS`.
    pointer
        JSON pointer to what is wrong, "/" for the whole event.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.pointer = detail.partition(": ")[0]
