"""Checks that the topics between workers have the same number of partitions, since records keep their number."""

from collections.abc import Mapping

from schemas.topics import EVIDENCE, IDENTITY_MAP, INTERACTIONS
from streams.kafka.clients import admin
from streams.kafka.errors import TopicError
from streams.settings import KafkaSettings

__all__ = ["SHARED", "said_of", "shared_count"]

SHARED = (INTERACTIONS, IDENTITY_MAP, EVIDENCE)


def shared_count(settings: KafkaSettings) -> int:
    """Return how many partitions each of the topics between workers has.

    Raises
    ------
    TopicError
        One is missing, or they differ: it says how many each has, and what to do.
    BrokerError
        Kafka cannot be reached.
    """
    with admin(settings) as client:
        described = client.describe_topics([settings.prefix + name for name in SHARED])
    counts = {one["name"]: 0 if one["error_code"] else len(one["partitions"]) for one in described}
    if missing := [name for name, count in counts.items() if not count]:
        raise TopicError(
            f"Kafka has no topic {', '.join(missing)}: make them with journey topics create --partitions P"
        )
    if len(set(counts.values())) > 1:
        raise TopicError(said_of(counts))
    return max(counts.values())


def said_of(counts: Mapping[str, int]) -> str:
    """Say that topics have different numbers of partitions, and what to do."""
    said = ", ".join(f"{name} has {count}" for name, count in counts.items())
    return (
        f"topics that workers share differ in partitions: {said}; stop gateways and workers, give journey topics grow "
        f"--partitions {max(counts.values())}, and start them again: nothing is lost meanwhile"
    )
