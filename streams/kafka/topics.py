"""Creates, compares and grows the topics of `schemas/topics.toml` in a Kafka cluster."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from schemas.topics import INTERACTIONS, Topic, topics
from streams.faults import kill_point
from streams.kafka.clients import ConfigResource, ConfigResourceType, OffsetSpec, TopicPartition, admin
from streams.kafka.errors import TopicError
from streams.kafka.groups import WORKERS, busy
from streams.kafka.partition_counts import SHARED
from streams.log.lag import LogSpan
from streams.settings import KafkaSettings

__all__ = ["Made", "TopicState", "create", "grow", "listed", "log_ends", "partition_count", "unfinished"]

_MISSING = 3  # Kafka's code for a topic that is not there
_EXISTS = 36
_ENOUGH = 37  # partitions: the topic has as many already
_LOOK_S = 0.1
_READY_MS = 30_000


@dataclass(frozen=True, slots=True)
class TopicState:
    """A declared topic and its state in Kafka: `partitions` is 0 where it is missing."""

    name: str
    declared: Topic
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)

    def problems(self, many: int | None = None) -> list[str]:
        """Return in what it differs from what is declared; `many` is the partition count asked for."""
        if not self.partitions:
            return ["is missing"]
        wanted = many if self.declared.partitions is None else self.declared.partitions
        found = (
            [] if wanted in (None, self.partitions) else [f"has {self.partitions} partitions, not {wanted}"]
        )
        for key, value in self.declared.config.items():
            real = self.config.get(key, "")
            if not _serves(key, value, real):
                found.append(f"has {key} = {real}, not {value}")
        return found


@dataclass(frozen=True, slots=True)
class Made:
    """The names of topics that a command made, and of those that were there as declared."""

    created: list[str]
    present: list[str]


def _serves(key: str, declared: str, real: str) -> bool:
    """Whether a real value will do: how long records are kept is for operators to say, as is taking larger ones."""
    if key == "retention.ms":
        return True
    if key in {"max.message.bytes", "min.compaction.lag.ms"}:
        return real.isdigit() and int(real) >= int(declared)
    return real == declared


def listed(settings: KafkaSettings) -> list[TopicState]:
    """Return every declared topic as it is in Kafka. Raises BrokerError."""
    with admin(settings) as client:
        return _found(client, settings)


def _found(client: Any, settings: KafkaSettings) -> list[TopicState]:
    names = {settings.prefix + topic.name: topic for topic in topics()}
    described = {one["name"]: one for one in client.describe_topics(list(names))}
    counts = {
        name: len(one["partitions"]) for name, one in described.items() if one["error_code"] != _MISSING
    }
    configs = _configs(client, list(counts))
    return [
        TopicState(name, topic, counts.get(name, 0), configs.get(name, {})) for name, topic in names.items()
    ]


def _configs(client: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    described = client.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: {key: entry["value"] for key, entry in entries.items() if entry["value"] is not None}
        for name, entries in described.items()
    }


def create(settings: KafkaSettings, partitions: int, replication: int = -1) -> Made:
    """Make the topics that are missing, each with its declared configuration.

    Parameters
    ----------
    partitions
        Of each topic that is declared with "many".
    replication
        Copies of each partition; -1 for the cluster's default.

    Raises
    ------
    TopicError
        A topic is there with another number of partitions, or configured so that it would lose or refuse records;
        then nothing is made.
    BrokerError
        Kafka cannot be reached, or refuses.
    """
    with admin(settings) as client:
        found = _found(client, settings)
        _refuse(found, partitions)
        missing = [topic for topic in found if not topic.partitions]
        created: list[str] = []
        if missing:
            with kill_point("topics.create"):
                created = _make(client, missing, partitions, replication)
            client.wait_for_topics([topic.name for topic in missing], timeout_ms=_READY_MS)
            _refuse(
                _found(client, settings), partitions
            )  # somebody else may have made one at the same moment
    return Made(created, [topic.name for topic in found if topic.name not in created])


def _make(client: Any, missing: Sequence[TopicState], partitions: int, replication: int) -> list[str]:
    """Make topics; return the names of those that nobody had made before."""
    wanted = {
        topic.name: {
            "num_partitions": topic.declared.partitions or partitions,
            "replication_factor": replication,
            "configs": topic.declared.config,
        }
        for topic in missing
    }
    answers = client.create_topics(wanted, raise_errors=False)["topics"]
    failed = [one for one in answers if one["error_code"] not in (0, _EXISTS)]
    if failed:
        said = "; ".join(f"{one['name']}: {one['error_message'] or one['error_code']}" for one in failed)
        raise TopicError(f"Kafka did not make every topic: {said}. Mend that and give the command again")
    return [one["name"] for one in answers if one["error_code"] == 0]


def _refuse(found: Sequence[TopicState], partitions: int) -> None:
    wrong = [
        f"{topic.name} {problem}"
        for topic in found
        if topic.partitions
        for problem in topic.problems(partitions)
    ]
    if wrong:
        raise TopicError(
            "topics are there that differ from what is declared: "
            + "; ".join(wrong)
            + ". For more partitions: "
            "journey topics grow; a configuration is changed with Kafka's own tools; or use another "
            "JOURNEY_TOPIC_PREFIX"
        )


def partition_count(settings: KafkaSettings, name: str = INTERACTIONS) -> int:
    """Return how many partitions a topic has.

    Raises
    ------
    TopicError
        It is missing; a topic that the broker would make by itself has the wrong number of partitions.
    BrokerError
        Kafka cannot be reached.
    """
    with admin(settings) as client:
        (described,) = client.describe_topics([settings.prefix + name])
    if described["error_code"]:
        raise TopicError(
            f"Kafka has no topic {settings.prefix + name}: make them with journey topics create --partitions P",
            topic=settings.prefix + name,
        )
    return len(described["partitions"])


def log_ends(settings: KafkaSettings, name: str, partitions: Collection[int]) -> dict[int, LogSpan]:
    """Return how far workers have acknowledged each partition, where it ends, and the topic's id.

    Offsets count from 1, as `_offset` in the tables does; 0 is before the first. Raises BrokerError.
    """
    places = {partition: TopicPartition(settings.prefix + name, partition) for partition in partitions}
    group = settings.prefix + WORKERS
    with admin(settings) as client:
        (topic,) = client.describe_topics([settings.prefix + name])
        read = client.list_group_offsets({group: list(places.values())})[group]
        ends = client.list_partition_offsets(dict.fromkeys(places.values(), OffsetSpec.LATEST))
    told_id = UUID(str(topic["topic_id"] or UUID(int=0)))
    log = str(told_id) if told_id.int else ""  # brokers older than topic ids tell none
    return {
        partition: LogSpan(max(0, read[place].offset) if place in read else 0, ends[place].offset, log)
        for partition, place in places.items()
    }


def unfinished(settings: KafkaSettings) -> list[str]:
    """Return in words which of our readers are at work, and what is unread; nothing when all is at rest."""
    with admin(settings) as client:
        return busy(client, settings, {topic.name: topic.partitions for topic in _found(client, settings)})


def grow(settings: KafkaSettings, partitions: int) -> list[str]:
    """Give every "many" topic that many partitions; return the names of those that had fewer.

    The partition of a handle changes by it, so nobody may be at work: publishers, gateways and workers are stopped
    first, and everything they were to read has been read. But where somebody else gave one topic more, workers cannot
    read all: then the others are brought to the same number with records unread. Workers send events on to the
    partition that is theirs, and restore what they know from the tables.

    Raises
    ------
    TopicError
        A topic is missing or has more partitions already, or somebody is at work, or something is unread.
    BrokerError
        Kafka cannot be reached, or refuses.
    """
    with admin(settings) as client:
        found = _found(client, settings)
        _refuse_growth(found, partitions)
        fewer = [
            topic for topic in found if topic.declared.partitions is None and topic.partitions < partitions
        ]
        if not fewer:
            return []
        counts = {topic.name: topic.partitions for topic in found}
        if reasons := busy(client, settings, counts, unread=not _is_uneven(settings, counts, partitions)):
            raise TopicError("not now: " + "; ".join(reasons))
        with kill_point("topics.grow"):
            answers = client.create_partitions(
                {topic.name: partitions for topic in fewer}, raise_errors=False
            ).results
        failed = [one for one in answers if one.error_code not in (0, _ENOUGH)]
        if failed:
            said = "; ".join(f"{one.name}: {one.error_message}" for one in failed)
            raise TopicError(
                f"not every topic has {partitions} partitions now: {said}. Give the command again"
            )
        _wait_for_partitions(client, [topic.name for topic in fewer], partitions)
    return [topic.name for topic in fewer]


def _is_uneven(settings: KafkaSettings, counts: Mapping[str, int], partitions: int) -> bool:
    """Whether topics between workers differ. Raises TopicError if not all are to have as many as the largest."""
    shared = {counts[settings.prefix + name] for name in SHARED}
    if len(shared) > 1 and partitions != max(shared):
        raise TopicError(f"topics differ in partitions: first bring all to --partitions {max(shared)}")
    return len(shared) > 1


def _wait_for_partitions(client: Any, names: Sequence[str], partitions: int) -> None:
    """Wait until the brokers know of new partitions, each with a leader."""
    deadline_s = time.monotonic() + _READY_MS / 1000
    while any(len(one["partitions"]) < partitions for one in client.describe_topics(list(names))):
        if time.monotonic() > deadline_s:
            raise TopicError(
                f"the new partitions of {', '.join(names)} are not there after {_READY_MS // 1000} s"
            )
        time.sleep(_LOOK_S)
    client.wait_for_topics(list(names), timeout_ms=_READY_MS)


def _refuse_growth(found: Sequence[TopicState], partitions: int) -> None:
    if missing := [topic.name for topic in found if not topic.partitions]:
        raise TopicError(
            f"missing: {', '.join(missing)}; make them with journey topics create --partitions P"
        )
    more = [topic for topic in found if topic.declared.partitions is None and topic.partitions > partitions]
    if more:
        said = ", ".join(f"{topic.name} has {topic.partitions}" for topic in more)
        raise TopicError(f"partitions cannot be taken away: {said}, --partitions {partitions} is fewer")
