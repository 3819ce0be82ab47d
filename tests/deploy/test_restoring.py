"""Tables older than what Kafka says was read: the procedure of deploy/docs/operate/runbook.md, on real servers."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import clickhouse_connect
import pytest

from streams.store.port import TABLES
from tests.deploy.clickhouse import DOCS, Deployed
from tests.deploy.procedures import at_rest, group, simulated
from tests.deploy.tools import kafka_tool
from tests.fixtures.servers.kafka import KafkaAddress
from tests.fixtures.servers.process import wait_until
from tests.real_workers.deployment import Deployment

(OFFSETS,) = re.findall(
    r"```sql\n-- offsets\n(.*?) FORMAT CSV\n```", (DOCS / "operate" / "runbook.md").read_text(), re.DOTALL
)
# One row for each customer and brand, and every count; nothing that is a time of processing.
STANDING = "SELECT brand, customer, stage, touches FROM standings ORDER BY brand, customer"


@pytest.fixture
def deployment(kafka: KafkaAddress, server: Deployed, tmp_path: Path) -> Iterator[Deployment]:
    command(server, "DROP DATABASE IF EXISTS journey SYNC")
    made = Deployment(kafka.servers, server.dsn, tmp_path, prefix=kafka.fresh_prefix())
    with closing(made):
        yield made


def command(server: Deployed, sql: str) -> None:
    with closing(clickhouse_connect.get_client(host="127.0.0.1", port=server.http_port)) as administrator:
        administrator.command(sql)


def stop_workers(deployment: Deployment) -> None:
    for worker in deployment.processes:
        worker.kill()
    wait_until(lambda: at_rest(deployment), 60, "the workers to have left their group", every_s=0.5)


def reset(deployment: Deployment, before: datetime) -> None:
    topic = f"{deployment.kafka.prefix}interactions"
    with closing(deployment.store()) as store:
        given = {"topic": topic, "partitions": deployment.partitions, "before": before}
        rows = store.query(OFFSETS, given)
    wanted = deployment.folder / "offsets.csv"
    wanted.write_text("".join(f'"{topic}",{partition},{offset}\n' for topic, partition, offset in rows))
    said = ["--group", group(deployment), "--reset-offsets", "--execute"]
    kafka_tool("kafka-consumer-groups.sh", deployment.kafka.servers[0], *said, "--from-file", str(wanted))
    names = (deployment.kafka.prefix + name for name in ("links", "identity.map", "evidence"))
    derived = [word for name in names for word in ("--topic", name)]
    kafka_tool("kafka-consumer-groups.sh", deployment.kafka.servers[0], *said, "--to-latest", *derived)


def answers(deployment: Deployment) -> tuple[Sequence[Sequence[object]], Sequence[Sequence[object]]]:
    with closing(deployment.store()) as store:
        counts = [
            f"(SELECT count() FROM {table})" for table in ("interactions", "deliveries", "dead_letters")
        ]
        return store.query(STANDING, {}), store.query(f"SELECT {', '.join(counts)}", {})


def test_what_the_tables_lost_is_read_again_from_kafka(deployment: Deployment, server: Deployed) -> None:
    sent = simulated(deployment.folder, customers=60, days=15, seed=3)
    deployment.worker()
    deployment.publish(sent[: len(sent) // 2])
    deployment.settle()
    command(server, f"BACKUP DATABASE journey TO File('{server.backups}/at-rest')")
    deployment.publish(sent[len(sent) // 2 :])
    deployment.settle()
    before = answers(deployment)
    stop_workers(deployment)

    command(server, "DROP DATABASE journey SYNC")
    command(server, f"RESTORE DATABASE journey FROM File('{server.backups}/at-rest')")
    hasty = deployment.worker()
    deployment.wait(lambda: hasty.said("Restoring from a backup"), "the worker to refuse")
    stop_workers(deployment)
    reset(deployment, before=datetime.now(UTC))
    assert sum(deployment.lag().values()) > 0
    deployment.worker()
    deployment.settle()
    deployment.run("verify")
    assert answers(deployment) == before


def test_tables_backed_up_one_after_the_other_while_workers_write_are_brought_together(
    deployment: Deployment, server: Deployed
) -> None:
    sent = simulated(deployment.folder, customers=60, days=15, seed=4)
    third = len(sent) // 3
    others = [table for table in TABLES if table not in {"deliveries", "interactions", "identity_links"}]
    groups = [["interactions", "identity_links"], others, ["deliveries"]]
    deployment.worker()
    for number, tables in enumerate(groups):
        deployment.publish(sent[number * third : (number + 1) * third])
        deployment.settle()
        named = ", ".join(f"TABLE journey.{table}" for table in tables)
        command(server, f"BACKUP {named} TO File('{server.backups}/{number}')")
    deployment.publish(sent[3 * third :])
    deployment.settle()
    before = answers(deployment)
    stop_workers(deployment)

    for number, tables in enumerate(groups):
        for table in tables:
            command(server, f"DROP TABLE journey.{table} SYNC")
        named = ", ".join(f"TABLE journey.{table}" for table in tables)
        command(server, f"RESTORE {named} FROM File('{server.backups}/{number}')")
    reset(deployment, before=datetime.now(UTC) - timedelta(hours=1))
    deployment.worker()
    deployment.settle()
    deployment.run("verify")
    assert answers(deployment) == before
