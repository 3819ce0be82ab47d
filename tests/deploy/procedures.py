"""What several procedures of deploy/runbook.md have in common."""

from contextlib import closing

from kafka import KafkaAdminClient

from streams.kafka.clients import options
from tests.cluster.deployment import Deployment

__all__ = ["at_rest", "group"]


def group(deployment: Deployment) -> str:
    """Return the consumer group of the workers."""
    return f"{deployment.kafka.prefix}journey-workers"


def at_rest(deployment: Deployment) -> bool:
    """Whether Kafka has noticed that there are no workers: only then can offsets be reset, or partitions added."""
    with closing(KafkaAdminClient(**options(deployment.kafka))) as admin:
        states = {one["group_id"]: one["group_state"] for one in admin.list_groups()}
    return states.get(group(deployment), "Dead") in {"Empty", "Dead"}
