"""What several procedures of deploy/docs/operate/runbook.md have in common."""

from contextlib import closing
from pathlib import Path

from kafka import KafkaAdminClient

from streams.kafka.clients import options
from tests.fixtures import commands
from tests.real_workers.deployment import Deployment

__all__ = ["at_rest", "group", "simulated"]


def group(deployment: Deployment) -> str:
    """Return the consumer group of the workers."""
    return f"{deployment.kafka.prefix}journey-workers"


def at_rest(deployment: Deployment) -> bool:
    """Whether Kafka has noticed that there are no workers: only then can offsets be reset, or partitions added."""
    with closing(KafkaAdminClient(**options(deployment.kafka))) as admin:
        states = {one["group_id"]: one["group_state"] for one in admin.list_groups()}
    return states.get(group(deployment), "Dead") in {"Empty", "Dead"}


def simulated(folder: Path, customers: int, days: int, seed: int) -> list[bytes]:
    """Return events, one a line: of all channels, with identities that surface late and repeats."""
    out = folder / "events.ndjson"
    given = ["--customers", str(customers), "--days", str(days), "--seed", str(seed), "--out", str(out)]
    commands.run([commands.JOURNEY, "simulate", *given], check=True, capture_output=True)
    return out.read_bytes().splitlines()
