"""What can go wrong between us and Kafka; importable without a Kafka client."""

from collections.abc import Sequence

__all__ = ["BrokerError", "DeliveryError", "InvalidEvent", "TopicError", "UnreachableError"]


class BrokerError(RuntimeError):
    """Kafka cannot be used as the settings say; the message says what to check, and never a password."""


class UnreachableError(BrokerError):
    """No broker answers; it may come back."""


class TopicError(BrokerError):
    """A topic is missing, or is not what it is declared to be; nothing was changed."""


class DeliveryError(BrokerError):
    """Kafka did not acknowledge records in time; they may be there all the same.

    Attributes
    ----------
    events
        The events that were not acknowledged, as JSON. Publishing them again is harmless: repeats are dropped.
    """

    def __init__(self, message: str, events: Sequence[bytes] = ()) -> None:
        super().__init__(message)
        self.events = tuple(events)


class InvalidEvent(ValueError):  # noqa: N818 - it is what the caller gave, not a failure of ours
    """An event that the contract refuses; nothing of it was sent.

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
