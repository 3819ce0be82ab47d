"""Apache Kafka in one process: broker and controller (KRaft), on free ports, with its data in a folder."""

import subprocess
import uuid
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.servers.certificates import make_certificates
from tests.servers.downloads import kafka_jars
from tests.servers.process import ServerError, free_port, listens
from tests.servers.server import Server

__all__ = ["Kafka", "KafkaAddress"]

_CLUSTER = "journey_test_clusterAA"  # 16 bytes in base64
# A session of 2 s: a killed broker that comes back waits until its former session has ended.
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=CONTROLLER://127.0.0.1:{controller},{listeners}
advertised.listeners={listeners}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
log.dirs={data}
auto.create.topics.enable=false
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=16777216
"""
_SECURED = """\
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.ssl.ssl.client.auth=required
"""
_JAVA = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",
)


class KafkaAddress:
    """Brokers that somebody else started; `servers` is what clients are given."""

    def __init__(self, servers: str) -> None:
        self.servers = servers

    def fresh_prefix(self) -> str:
        """Return a prefix for topics and groups that nobody has used, so that tests can share the brokers."""
        return f"t{uuid.uuid4().hex[:12]}-"


class Kafka(Server, KafkaAddress):
    """A broker of its own.

    With `secured=True` it also listens on `sasl_servers` (SASL_SSL, SCRAM-SHA-512: `user` and `password`) and on
    `ssl_servers` (SSL, which asks clients for a certificate); `certificates` has the files for both.
    """

    user = "journey"
    password = "correct horse"

    def __init__(
        self, folder: Path | None = None, *, secured: bool = False, disk_mb: int | None = None
    ) -> None:
        self._jars = kafka_jars()
        Server.__init__(self, "Kafka", folder, disk_mb)
        self.port = free_port()
        KafkaAddress.__init__(self, f"127.0.0.1:{self.port}")
        self.sasl_servers = f"127.0.0.1:{free_port()}" if secured else None
        self.ssl_servers = f"127.0.0.1:{free_port()}" if secured else None
        self.certificates = make_certificates(self.folder / "certificates") if secured else None
        self._settings = self.folder / "server.properties"

    def _java(self, *words: str) -> list[str]:
        return ["java", *_JAVA, "-cp", f"{self._jars}/*", *words]

    def _command(self) -> list[str]:
        return self._java("kafka.Kafka", str(self._settings))

    def _prepare(self) -> None:
        protocols = {"PLAINTEXT": self.servers, "SASL_SSL": self.sasl_servers, "SSL": self.ssl_servers}
        listeners = ",".join(f"{protocol}://{address}" for protocol, address in protocols.items() if address)
        text = _SETTINGS.format(controller=free_port(), listeners=listeners, data=self.data / "log")
        scram = []
        if self.certificates is not None:
            keystore = self.folder / "certificates" / "keystore.pem"
            keystore.write_text(
                self.certificates.server_key.read_text() + self.certificates.server.read_text()
            )
            text += _SECURED.format(keystore=keystore, ca=self.certificates.ca)
            scram = ["--add-scram", f"SCRAM-SHA-512=[name={self.user},password={self.password}]"]
        self._settings.write_text(text)
        self._format(scram)

    def _format(self, scram: list[str]) -> None:
        words = ["format", "--cluster-id", _CLUSTER, "--config", str(self._settings), *scram]
        command = self._on_disk(self._java("kafka.tools.StorageTool", *words))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerError(
                f"Kafka's storage could not be laid out: {(done.stderr or done.stdout)[-2000:]}"
            )

    def _answers(self) -> bool:
        if not listens(self.port):  # kafka-python leaves sockets open where nobody listens
            return False
        try:
            admin = KafkaAdminClient(bootstrap_servers=self.servers, bootstrap_timeout_ms=1000)
        except (KafkaError, OSError):
            return False
        try:
            return any(not broker["is_fenced"] for broker in admin.describe_cluster()["brokers"])
        except (KafkaError, OSError):
            return False
        finally:
            admin.close()
