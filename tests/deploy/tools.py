"""Kafka's own command line tools, as `docker compose exec kafka /opt/kafka/bin/kafka-….sh` runs them."""

import re
import subprocess
from pathlib import Path

from tests.fixtures.servers import downloads
from tests.fixtures.servers.downloads import Unavailable, kafka_jars

__all__ = ["KAFKA_TOOLS", "kafka_tool"]

_CLASSES = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
}
KAFKA_TOOLS = frozenset(_CLASSES)


def kafka_tool(script: str, servers: str, *words: str) -> str:
    """Run a tool and return what it printed.

    Raises
    ------
    RuntimeError
        It failed; the message has its output.
    """
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{kafka_jars()}/*:{_jar()}", _CLASSES[script]]
    done = subprocess.run(
        [*command, "--bootstrap-server", servers, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode or "Error" in done.stdout:
        raise RuntimeError(f"{script} {' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def _jar() -> Path:
    """Return the jar of the tools, which the broker does without, of the broker's version."""
    pom = Path(downloads.__file__).with_name("pom.xml").read_text()
    (version,) = re.findall(r"<kafka\.version>(.+)</kafka\.version>", pom)
    name = f"kafka-tools-{version}"

    def fetch(folder: Path) -> None:
        goal = [
            "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy",
            f"-Dartifact=org.apache.kafka:kafka-tools:{version}",
            f"-DoutputDirectory={folder}",
        ]
        downloads._run(["mvn", "--quiet", "--batch-mode", "--strict-checksums", *goal], folder)
        if not (folder / f"{name}.jar").exists():
            raise Unavailable(f"Maven did not fetch {name}")

    return downloads.kept(name, fetch) / f"{name}.jar"
