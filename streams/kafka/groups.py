"""Checks that our consumer groups have read everything and stopped, as must be before partitions are added."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.topics import topics
from streams.kafka.clients import OffsetSpec, TopicPartition
from streams.settings import KafkaSettings

__all__ = ["AT_REST", "GATEWAY", "WORKERS", "OffsetSpan", "busy", "readers", "spans"]

GATEWAY = "journey-gateway"
WORKERS = "journey-workers"
AT_REST = frozenset({"Empty", "Dead"})
_WHO = {GATEWAY: "journey gateway", WORKERS: "worker"}


@dataclass(frozen=True, slots=True)
class OffsetSpan:
    """The offsets of a partition: of its first record, of the first that is not committed, and after its last."""

    first: int
    committed: int
    end: int

    @property
    def unread(self) -> range:
        """Offsets of the records that are there and not committed."""
        return range(max(self.first, self.committed), self.end)


def busy(
    client: Any, settings: KafkaSettings, partitions: Mapping[str, int], *, unread: bool = True
) -> list[str]:
    """Return in words who is at work and what is unread, each with what to do; nothing when all is at rest.

    Parameters
    ----------
    client
        A KafkaAdminClient.
    partitions
        Topic (with prefix) to its number of partitions.
    unread
        Whether records that are not read count.
    """
    reasons = []
    states = {group["group_id"]: group["group_state"] for group in client.list_groups()}
    for group, names in readers(settings).items():
        if states.get(group, "Dead") not in AT_REST:
            reasons.append(
                f"the group {group} has members: stop every {_WHO[group.removeprefix(settings.prefix)]}"
            )
        if not unread:
            continue
        places = [TopicPartition(name, p) for name in names for p in range(partitions[name])]
        found = spans(client, group if group in states else "", places)
        reasons += [
            f"{group} has not read {count:,} records of {name}: let it finish before it is stopped"
            for name in names
            if (count := sum(len(span.unread) for place, span in found.items() if place.topic == name))
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


def spans(client: Any, group: str, places: Collection[Any]) -> dict[Any, OffsetSpan]:
    """Return how far a consumer group has read each partition; of no group (""), nothing."""
    if not places:
        return {}
    committed = client.list_group_offsets({group: list(places)})[group] if group else {}
    first = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    end = client.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    return {
        place: OffsetSpan(
            first[place].offset,
            max(0, committed[place].offset) if place in committed else 0,
            end[place].offset,
        )
        for place in places
    }
