"""Whether our consumer groups have read everything and stopped: what must be so before partitions are added."""

from collections.abc import Mapping
from typing import Any

from schemas.topics import topics
from streams.kafka.clients import OffsetSpec, TopicPartition
from streams.settings import KafkaSettings

__all__ = ["GATEWAY", "WORKERS", "busy"]

GATEWAY = "journey-gateway"
WORKERS = "journey-workers"
_AT_REST = {"Empty", "Dead"}
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
    for group, names in _readers(settings).items():
        if states.get(group, "Dead") not in _AT_REST:
            reasons.append(
                f"the group {group} has members: stop every {_WHO[group.removeprefix(settings.prefix)]}"
            )
        places = [TopicPartition(name, p) for name in names for p in range(partitions[name])]
        lag = _lag(
            client, places, client.list_group_offsets({group: places})[group] if group in states else {}
        )
        reasons += [
            f"{group} has not read {unread:,} records of {name}: let it finish before it is stopped"
            for name in names
            if (unread := sum(count for place, count in lag.items() if place.topic == name))
        ]
    return reasons


def _readers(settings: KafkaSettings) -> dict[str, list[str]]:
    readers: dict[str, list[str]] = {settings.prefix + GATEWAY: [], settings.prefix + WORKERS: []}
    for topic in topics():
        if topic.reader == "applications":
            continue  # read by others, at their own pace
        group = GATEWAY if topic.reader == "gateway" else WORKERS
        readers[settings.prefix + group].append(settings.prefix + topic.name)
    return readers


def _lag(client: Any, places: list[Any], committed: Mapping[Any, Any]) -> dict[Any, int]:
    first = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    end = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    read = {place: found.offset for place, found in committed.items()}
    return {place: end[place].offset - max(first[place].offset, read.get(place, 0)) for place in places}
