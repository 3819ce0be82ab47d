"""Kafka and ClickHouse as deploy/ configures them, with our commands and a worker between them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from streams.settings import KafkaSettings
from tests.deploy import clickhouse, kafka
from tests.deploy.tools import kafka_tool
from tests.fixtures import commands
from tests.fixtures.servers.downloads import Unavailable
from tests.real_workers.deployment import Deployment

ENGINE = {
    "JOURNEY_KAFKA_PROTOCOL": "SASL_PLAINTEXT",
    "JOURNEY_KAFKA_USER": "journey",
    "JOURNEY_KAFKA_PASSWORD": kafka.PASSWORD,
}


@pytest.fixture(scope="module")
def broker() -> Iterator[kafka.Deployed]:
    try:
        made = kafka.Deployed()
    except Unavailable as error:
        pytest.skip(str(error))
    with made:
        yield made


def topics(servers: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | {"JOURNEY_KAFKA": servers} | ENGINE | environment
    return commands.run(
        [commands.JOURNEY, "topics", "list"], env=given, capture_output=True, text=True, check=False
    )


def test_kafka_asks_for_the_password_on_both_listeners_that_others_reach(broker: kafka.Deployed) -> None:
    assert topics(broker.clients).returncode == topics(broker.host).returncode == 0
    assert topics(broker.clients, JOURNEY_KAFKA_PASSWORD="wrong").returncode == 2
    assert topics(broker.host, JOURNEY_KAFKA_PROTOCOL="PLAINTEXT").returncode == 2


def test_the_password_of_kafka_is_not_in_its_log_and_a_restart_keeps_the_user(broker: kafka.Deployed) -> None:
    assert kafka.PASSWORD not in broker.log
    broker.restart()
    assert topics(broker.clients).returncode == 0


def test_an_application_gets_a_user_that_may_only_write_events(broker: kafka.Deployed) -> None:
    commands.run(
        [commands.JOURNEY, "topics", "create", "--partitions", "2"],
        env=os.environ | {"JOURNEY_KAFKA": broker.clients} | ENGINE,
        check=True,
        capture_output=True,
    )
    of_shop = ["--entity-type", "users", "--entity-name", "shop"]
    password = ["--add-config", "SCRAM-SHA-512=[password=of-the-shop]"]
    may_write = ["--allow-principal", "User:shop", "--producer", "--topic", "events.in"]
    kafka_tool("kafka-configs.sh", broker.servers, "--alter", *of_shop, *password)
    kafka_tool("kafka-acls.sh", broker.servers, "--add", *may_write)
    login = {
        "bootstrap_servers": broker.clients,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "shop",
        "sasl_plain_password": "of-the-shop",
    }
    with closing(KafkaProducer(**login)) as producer:
        producer.send("events.in", b"{}").get(timeout=20)
        with pytest.raises((TopicAuthorizationFailedError, KafkaError)):
            producer.send("interactions", b"{}").get(timeout=20)


def test_a_worker_with_the_rights_that_are_granted_stores_what_is_published(
    broker: kafka.Deployed, tmp_path: Path
) -> None:
    events = Path("schemas/examples/evening.ndjson").read_bytes().splitlines()
    login = KafkaSettings(
        servers=(broker.clients,), protocol="SASL_PLAINTEXT", user="journey", password=kafka.PASSWORD
    )
    with clickhouse.Deployed() as server:
        deployment = Deployment(login, server.dsn, tmp_path, prefix="stack.", partitions=2)
        with closing(deployment):
            first = deployment.worker()
            deployment.publish(events)
            deployment.settle()
            deployment.run("verify")
            with closing(deployment.store()) as store:
                stored = store.query("SELECT count() FROM interactions", {})
            first.kill()
            deployment.worker()  # takes the partitions, and waits out what the first has under way
            deployment.publish(events)
            deployment.settle()
            deployment.run("verify")
            with closing(deployment.store()) as store:
                assert store.query("SELECT count() FROM interactions", {}) == stored != [(0,)]
