"""The servers that other tests use are real ones: they keep what they acknowledged and refuse strangers."""

import concurrent.futures
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from clickhouse_connect.driver.summary import QuerySummary
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from tests.servers.certificates import make_certificates
from tests.servers.clickhouse import ClickHouse, ClickHouseAddress
from tests.servers.kafka import Kafka, KafkaAddress
from tests.servers.process import listens, wait_until

_WRONG = "battery staple"
_TABLE = "CREATE TABLE t (number UInt64) ENGINE = MergeTree ORDER BY number"


def _make_topic(servers: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    try:
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        admin.close()


def _produce(servers: str, topic: str, values: list[bytes], **options: Any) -> None:
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", **options)
    try:
        for sent in [producer.send(topic, value, partition=0) for value in values]:
            sent.get(timeout=20)
    finally:
        producer.close()


def _consume(servers: str, topic: str, count: int, **options: Any) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", **options)
    found: list[bytes] = []
    try:
        consumer.assign([TopicPartition(topic, 0)])
        wait_until(lambda: len(found) >= count or _polled(consumer, found), 20, f"{count} records")
    finally:
        consumer.close()
    return found


def _polled(consumer: KafkaConsumer, found: list[bytes]) -> bool:
    for records in consumer.poll(timeout_ms=200).values():
        found.extend(record.value for record in records)
    return False


@contextmanager
def _client(server: ClickHouseAddress, **options: Any) -> Iterator[Client]:
    client = server.client(**options)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _database(server: ClickHouseAddress) -> Iterator[Client]:
    name = server.fresh_database().rpartition("/")[2]
    with _client(server) as client:
        client.command(f"CREATE DATABASE {name}")
        client.database = name
        yield client


def _arrow(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _written(answer: object) -> int:
    assert isinstance(answer, QuerySummary)
    return int(answer.summary["written_rows"])


def test_kafka_gives_back_what_it_took(kafka: KafkaAddress) -> None:
    topic = kafka.fresh_prefix() + "echo"
    _make_topic(kafka.servers, topic)
    _produce(kafka.servers, topic, [b"one", b"two"])
    assert _consume(kafka.servers, topic, 2) == [b"one", b"two"]


def test_kafka_keeps_acknowledged_records_when_it_is_killed_and_returns_on_its_port(
    own_kafka: Callable[..., Kafka],
) -> None:
    kafka = own_kafka()
    _make_topic(kafka.servers, "kept")
    values = [str(number).encode() for number in range(100)]
    _produce(kafka.servers, "kept", values)
    kafka.kill()
    assert not listens(kafka.port)
    kafka.restart()
    assert _consume(kafka.servers, "kept", 100) == values
    kafka.stop()
    assert not kafka.running


def test_a_paused_kafka_answers_again_when_it_is_resumed(own_kafka: Callable[..., Kafka]) -> None:
    kafka = own_kafka()
    _make_topic(kafka.servers, "late")
    kafka.pause()
    threading.Timer(1.0, kafka.resume).start()
    _produce(kafka.servers, "late", [b"through"])
    assert _consume(kafka.servers, "late", 1) == [b"through"]


def test_kafka_takes_the_right_password_or_certificate_and_refuses_others(
    own_kafka: Callable[..., Kafka],
) -> None:
    kafka = own_kafka(secured=True)
    files = kafka.certificates
    assert kafka.sasl_servers is not None
    assert kafka.ssl_servers is not None
    assert files is not None
    _make_topic(kafka.servers, "secret")
    tls = {"security_protocol": "SSL", "ssl_cafile": str(files.ca)}
    own = {"ssl_certfile": str(files.client), "ssl_keyfile": str(files.client_key)}
    scram = tls | {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": kafka.user,
    }
    _produce(kafka.sasl_servers, "secret", [b"by password"], sasl_plain_password=kafka.password, **scram)
    _produce(kafka.ssl_servers, "secret", [b"by certificate"], **tls, **own)
    assert _consume(kafka.servers, "secret", 2) == [b"by password", b"by certificate"]
    assert "Failed authentication" not in kafka.log
    _assert_refused(kafka.sasl_servers, sasl_plain_password=_WRONG, **scram)
    assert kafka.log.count("Failed authentication") > 0
    _assert_refused(kafka.ssl_servers, **tls)
    assert "SSL handshake failed" in kafka.log


def _assert_refused(servers: str, **options: Any) -> None:
    with pytest.raises(KafkaError):
        KafkaAdminClient(bootstrap_servers=servers, bootstrap_timeout_ms=1500, **options)


def test_clickhouse_inserts_arrow_on_a_condition_and_says_how_many_rows(
    clickhouse: ClickHouseAddress,
) -> None:
    body = _arrow(pa.table({"number": pa.array([1, 2, 3], pa.uint64())}))
    insert = "INSERT INTO t SELECT * FROM input('number UInt64') WHERE (SELECT count() FROM t) = 0 FORMAT ArrowStream"
    with _database(clickhouse) as client:
        client.command(_TABLE)
        assert [_written(client.command(insert, data=body)) for _ in range(2)] == [3, 0]
        assert _written(client.raw_insert("t", ["number"], body, fmt="ArrowStream")) == 3
        assert client.command("SELECT count() FROM t") == 6


def test_clickhouse_takes_inserts_from_many_clients_at_once(clickhouse: ClickHouseAddress) -> None:
    def insert(worker: int) -> None:
        with _client(clickhouse, database=str(client.database)) as own:
            for block in range(10):
                start = 1000 * (10 * worker + block)
                own.command(f"INSERT INTO t SELECT number + {start} FROM numbers(1000)")

    with _database(clickhouse) as client:
        client.command(_TABLE)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(insert, range(4)))
        assert client.query("SELECT count(), uniqExact(number) FROM t").first_row == (40_000, 40_000)


def test_a_running_query_can_be_seen_and_killed_and_is_in_the_log(clickhouse: ClickHouseAddress) -> None:
    mark = uuid.uuid4().hex
    endless = "SELECT sum(sleepEachRow(0.05)) FROM numbers(2000) SETTINGS max_block_size = 1"

    def run() -> str:
        with _client(clickhouse) as client:
            try:
                return str(client.command(endless, settings={"query_id": mark}))
            except DatabaseError as error:
                return str(error)

    running = f"SELECT count() FROM system.processes WHERE query_id = '{mark}'"
    logged = f"SELECT count() FROM system.query_log WHERE query_id = '{mark}' AND exception_code = 394"
    with _client(clickhouse) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(run)
        wait_until(lambda: client.command(running) == 1, 20, "the query to run")
        client.command(f"KILL QUERY WHERE query_id = '{mark}' SYNC")
        assert client.command(running) == 0
        assert "QUERY_WAS_CANCELLED" in answer.result(timeout=20)
        client.command("SYSTEM FLUSH LOGS")
        assert client.command(logged) == 1


def test_clickhouse_drops_a_repeated_insert(clickhouse: ClickHouseAddress) -> None:
    body = _arrow(pa.table({"number": pa.array(range(10), pa.uint64())}))
    with _database(clickhouse) as client:
        client.command(f"{_TABLE} SETTINGS non_replicated_deduplication_window = 100")
        for _ in range(2):
            client.raw_insert("t", ["number"], body, fmt="ArrowStream")
        assert client.command("SELECT count() FROM t") == 10


def test_clickhouse_feeds_a_materialized_view(clickhouse: ClickHouseAddress) -> None:
    with _database(clickhouse) as client:
        client.command(_TABLE)
        client.command(
            "CREATE MATERIALIZED VIEW v ENGINE = SummingMergeTree ORDER BY odd"
            " AS SELECT number % 2 AS odd, count() AS rows FROM t GROUP BY odd"
        )
        for _ in range(2):
            client.command("INSERT INTO t SELECT number FROM numbers(5)")
        assert client.query("SELECT odd, sum(rows) FROM v GROUP BY odd ORDER BY odd").result_rows == [
            (0, 6),
            (1, 4),
        ]


def test_clickhouse_keeps_acknowledged_rows_when_it_is_killed_and_returns_on_its_ports(
    own_clickhouse: Callable[..., ClickHouse],
) -> None:
    clickhouse = own_clickhouse()
    with _client(clickhouse) as client:
        client.command(_TABLE)
        client.command("INSERT INTO t SELECT number FROM numbers(1000)")
        clickhouse.kill()
        assert not listens(clickhouse.http_port)
        clickhouse.restart()
        assert client.command("SELECT count() FROM t") == 1000
    clickhouse.stop()
    assert not clickhouse.running


def test_a_paused_clickhouse_answers_again_when_it_is_resumed(
    own_clickhouse: Callable[..., ClickHouse],
) -> None:
    clickhouse = own_clickhouse()
    with _client(clickhouse) as client:
        clickhouse.pause()
        threading.Timer(0.5, clickhouse.resume).start()
        assert client.command("SELECT 1") == 1


def test_clickhouse_takes_the_right_password_over_tls_and_refuses_others(
    own_clickhouse: Callable[..., ClickHouse],
) -> None:
    clickhouse = own_clickhouse(users={"journey": "p@ss/word"}, secured=True)
    files = clickhouse.certificates
    assert files is not None
    tls: dict[str, Any] = {"interface": "https", "port": clickhouse.https_port, "ca_cert": str(files.ca)}
    with _client(clickhouse, **tls) as client:
        assert client.command("SELECT currentUser()") == "journey"
    with pytest.raises(DatabaseError, match="Authentication failed"):
        clickhouse.client(password=_WRONG)
    with pytest.raises(DatabaseError, match="Authentication failed"):
        clickhouse.client(username="default", password="")
    stranger = make_certificates(clickhouse.folder / "stranger")
    with pytest.raises((OperationalError, ssl.SSLError)):
        clickhouse.client(**{**tls, "ca_cert": str(stranger.ca)})


def test_inserts_fail_on_a_full_disk_and_succeed_when_it_has_room_again(
    own_clickhouse: Callable[..., ClickHouse],
) -> None:
    clickhouse = own_clickhouse(disk_mb=64)
    insert = "INSERT INTO t SELECT number FROM numbers(1000)"
    with _client(clickhouse) as client:
        client.command(_TABLE)
        client.command(insert)
        clickhouse.fill_disk()
        with pytest.raises(DatabaseError, match="NOT_ENOUGH_SPACE"):
            client.command(insert)
        clickhouse.free_disk()
        client.command(insert)
        clickhouse.restart()
        assert client.command("SELECT count() FROM t") == 2000
