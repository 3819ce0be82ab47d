"""Whether our consumer groups have read everything and stopped: what must be so before partitions are added."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.topics import topics
from streams.kafka.clients import OffsetSpec, TopicPartition
from streams.settings import KafkaSettings

__all__ = ["AT_REST", "GATEWAY", "WORKERS", "busy", "readers", "unread"]

GATEWAY = "journey-gateway"
WORKERS = "journey-workers"
AT_REST = frozenset({"Empty", "Dead"})
_WHO = {GATEWAY: "journey gateway", WORKERS: "worker"}


def busy(client: Any, settings: KafkaSettings, partitions: Mapping[str, int]) -> list[str]:
    """Return in words who is at work and what is unread, each with what to do; nothing when all is at rest.

    Parameters
    ----------
    client
        A KafkaAdminClient.
    partitions
        Topic (with prefix) to its number of partitions.
    """
    reasons = []
    states = {group["group_id"]: group["group_state"] for group in client.list_groups()}
    for group, names in readers(settings).items():
        if states.get(group, "Dead") not in AT_REST:
            reasons.append(
                f"the group {group} has members: stop every {_WHO[group.removeprefix(settings.prefix)]}"
            )
        places = [TopicPartition(name, p) for name in names for p in range(partitions[name])]
        waiting = unread(client, group if group in states else "", places)
        reasons += [
            f"{group} has not read {count:,} records of {name}: let it finish before it is stopped"
            for name in names
            if (count := sum(len(span) for place, span in waiting.items() if place.topic == name))
        ]
    return reasons


def readers(settings: KafkaSettings) -> dict[str, list[str]]:
    """Return the topics that each of our consumer groups reads; all with prefix."""
    found: dict[str, list[str]] = {settings.prefix + GATEWAY: [], settings.prefix + WORKERS: []}
    for topic in topics():
        if topic.reader == "applications":
            continue  # read by others, at their own pace
        group = GATEWAY if topic.reader == "gateway" else WORKERS
        found[settings.prefix + group].append(settings.prefix + topic.name)
    return found


def unread(client: Any, group: str, places: Sequence[Any]) -> dict[Any, range]:
    """Return the offsets of each partition that a consumer group has not read; of no group (""), all that are there."""
    if not places:
        return {}
    committed = client.list_group_offsets({group: list(places)})[group] if group else {}
    first = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    end = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    read = {place: found.offset for place, found in committed.items()}
    return {place: range(max(first[place].offset, read.get(place, 0)), end[place].offset) for place in places}
