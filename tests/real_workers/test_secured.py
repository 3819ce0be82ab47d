"""Workers over TLS: Kafka asks for a password or a certificate, ClickHouse for a password."""

from contextlib import closing

from streams.settings import KafkaSettings
from tests.real_workers.deployment import Deployment
from tests.real_workers.events import stream
from tests.real_workers.tables import assert_equal, expected

PASSWORD = "p@ss/word"


def test_workers_share_the_work_over_encrypted_connections_by_password_and_by_certificate(
    own_kafka, own_clickhouse, tmp_path
):
    broker, server = own_kafka(secured=True), own_clickhouse(users={"journey": PASSWORD}, secured=True)
    files = broker.certificates
    by_password = KafkaSettings(
        servers=(broker.sasl_servers,),
        protocol="SASL_SSL",
        user=broker.user,
        password=broker.password,
        ca=str(files.ca),
    )
    by_certificate = {
        "JOURNEY_KAFKA": broker.ssl_servers,
        "JOURNEY_KAFKA_PROTOCOL": "SSL",
        "JOURNEY_KAFKA_USER": "",
        "JOURNEY_KAFKA_PASSWORD": "",
        "JOURNEY_KAFKA_CERTIFICATE": str(files.client),
        "JOURNEY_KAFKA_KEY": str(files.client_key),
    }
    more = {"JOURNEY_STORE_CA": str(server.certificates.ca)}
    with closing(Deployment(by_password, server.tls_dsn, tmp_path, prefix="", partitions=4, **more)) as there:
        lines = stream(41, customers=10)
        half = len(lines) // 2
        workers = [there.worker(), there.worker(**by_certificate)]
        there.publish(lines[:half], size=30)
        there.wait(lambda: all(worker.said("intake: partitions [") for worker in workers), "both to work")
        there.publish(lines[half:], size=30, after=half)
        there.settle()
        assert_equal(there, expected(lines, tmp_path))
        assert PASSWORD not in there.told()
        assert broker.password not in there.told()
