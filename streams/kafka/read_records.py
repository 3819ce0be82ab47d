"""Deletes records that were read: those of everybody, or those that arrived before an instant."""

from contextlib import closing
from typing import Any

from schemas.topics import DEAD_LETTERS, EVENTS_IN, EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.faults import kill_point
from streams.kafka.clients import TopicPartition, admin, broker_errors, consumer
from streams.kafka.groups import GATEWAY, WORKERS
from streams.settings import KafkaSettings

__all__ = ["delete_read"]

_READ_BY = {
    **dict.fromkeys((INTERACTIONS, LINKS, IDENTITY_MAP, EVIDENCE), WORKERS), EVENTS_IN: GATEWAY,
    DEAD_LETTERS: "",  # by applications: the table has them
}  # fmt: skip


def delete_read(settings: KafkaSettings, before_us: int | None = None) -> int:
    """Delete the records that our groups have read, those that arrived before an instant, or all; return of how many partitions.

    Of `dead-letters` all of them go: who has read how far there is not known, and the table has them. An event is no later
    than a day after it arrives, so what arrived before a horizon happened before it, or soon after.

    Raises
    ------
    BrokerError
        Kafka cannot be used.
    """
    with broker_errors(settings), closing(consumer(settings)) as source, admin(settings) as client:
        names = {
            settings.prefix + topic: settings.prefix + group if group else ""
            for topic, group in _READ_BY.items()
        }
        there = source.topics()
        places = [
            TopicPartition(name, partition)
            for name in names
            if name in there
            for partition in sorted(source.partitions_for_topic(name) or ())
        ]
        older = _ends(source, places, before_us)
        read = _read(client, sorted({group for group in names.values() if group}))
        upto = {
            place: offset if not names[place.topic] else min(offset, read.get(place, 0))
            for place, offset in older.items()
        }
        upto = {place: offset for place, offset in upto.items() if offset > 0}
        if upto:
            with kill_point("kafka.delete"):
                client.delete_records(upto)
    return len(upto)


def _ends(source: Any, places: list[Any], before_us: int | None) -> dict[Any, int]:
    """Return, of each partition that has such records, the offset after the last of them."""
    if not places:
        return {}
    first, ends = source.beginning_offsets(places), source.end_offsets(places)
    if before_us is not None:
        later = source.offsets_for_times(dict.fromkeys(places, before_us // 1_000))
        ends |= {place: found.offset for place, found in later.items() if found is not None}
    return {place: offset for place, offset in ends.items() if offset > first[place]}


def _read(client: Any, groups: list[str]) -> dict[Any, int]:
    there = {group["group_id"] for group in client.list_groups()}
    known = {group: None for group in groups if group in there}
    if not known:
        return {}
    committed = client.list_group_offsets(known)
    return {place: found.offset for group in known for place, found in committed.get(group, {}).items()}
