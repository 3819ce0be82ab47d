"""Topics that were lost and recreated under tables that hold data: the procedure of deploy/docs/operate/runbook.md."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from tests.deploy.clickhouse import DEPLOY
from tests.deploy.procedures import at_rest, simulated
from tests.deploy.tools import kafka_tool
from tests.fixtures.servers.clickhouse import ClickHouseAddress
from tests.fixtures.servers.kafka import KafkaAddress
from tests.fixtures.servers.process import wait_until
from tests.real_workers.deployment import Deployment

RETIRE = (DEPLOY / "clickhouse" / "retire_partitions.sql").read_text()
COMMENTS = "SELECT name, comment FROM system.tables WHERE database = currentDatabase() ORDER BY name"
BOOKS = (
    "SELECT count(), uniqExact(event), (SELECT sum(received) FROM deliveries), (SELECT sum(duplicates) FROM deliveries)"
    " FROM interactions"
)


@pytest.fixture
def deployment(kafka: KafkaAddress, clickhouse: ClickHouseAddress, tmp_path: Path) -> Iterator[Deployment]:
    dsn, prefix = clickhouse.fresh_database(), kafka.fresh_prefix()
    with closing(Deployment(kafka.servers, dsn, tmp_path, prefix=prefix)) as made:
        yield made


def retire(client: Client, shift: int) -> None:
    statements = "\n".join(line for line in RETIRE.splitlines() if not line.startswith("--")).split(";\n")
    for statement in filter(None, map(str.strip, statements)):
        client.command(statement, parameters={"shift": shift})


def lose_topics(deployment: Deployment) -> None:
    for process in deployment.processes:
        process.kill()
    wait_until(lambda: at_rest(deployment), 60, "the workers to have left their group", every_s=0.5)
    pattern = deployment.kafka.prefix.replace(".", r"\.") + ".*"
    kafka_tool("kafka-topics.sh", deployment.kafka.servers[0], "--delete", "--topic", pattern)
    deployment.run("topics", "create", "--partitions", str(deployment.partitions), "--replication", "1")


def see_refusal(deployment: Deployment) -> None:
    worker = deployment.worker()
    deployment.wait(lambda: worker.said("A recreated topic"), "the worker to refuse")
    worker.kill()


def test_topics_that_were_made_anew_are_taken_up_when_the_old_partitions_have_been_retired(
    deployment: Deployment,
) -> None:
    sent = simulated(deployment.folder, customers=60, days=15, seed=6)
    half = len(sent) // 2
    deployment.worker()
    deployment.publish(sent[:half])
    deployment.settle()
    with closing(deployment.store()) as store:
        comments = store.query(COMMENTS, {})
        for round_, shift in enumerate((10_000, 20_000)):
            lose_topics(deployment)
            if round_:  # the new topic goes further than the tables already
                deployment.publish(sent[:half], size=3)
            see_refusal(deployment)
            for _ in range(2):  # as if the first time had been interrupted at its end
                retire(store.client, shift)
            deployment.worker()
            deployment.publish([*sent[:half], *(sent[half:] if round_ else [])])
            deployment.settle()
            deployment.run("verify")
        ((events, ids, received, duplicates),) = store.query(BOOKS, {})
        assert store.query(COMMENTS, {}) == comments
    assert received == 3 * half + len(sent)
    assert events == ids == received - duplicates
