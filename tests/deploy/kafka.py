"""The broker of deploy/kafka, started by its own start.sh, on free ports and with its data in a folder."""

import os
from unittest.mock import patch

from tests.deploy.clickhouse import DEPLOY
from tests.fixtures.servers.kafka import Kafka
from tests.fixtures.servers.process import free_port

__all__ = ["PASSWORD", "Deployed"]

PASSWORD = "of-the-engine-in-kafka"
_TOOLS = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}


class Deployed(Kafka):
    """As `Kafka`: `servers` is the listener inside the container; `clients` and `host` ask for a password."""

    def __init__(self) -> None:
        super().__init__()
        self.clients = f"127.0.0.1:{free_port()}"
        self.host = f"127.0.0.1:{free_port()}"
        self.bin = self.folder / "bin"

    def _prepare(self) -> None:
        text = (DEPLOY / "kafka" / "server.properties").read_text()
        moved = {
            "kafka:9092": self.clients,
            "0.0.0.0:9092": self.clients,
            "0.0.0.0:9094": self.host,
            "127.0.0.1:9094": self.host,
            "127.0.0.1:9095": self.servers,
            "127.0.0.1:9093": f"127.0.0.1:{free_port()}",
            "/var/lib/kafka/data": str(self.data),
        }
        for there, here in moved.items():
            assert there in text, there
            text = text.replace(there, here)
        self._settings.write_text(text)
        self.bin.mkdir()
        for script, tool in _TOOLS.items():
            words = " ".join(self._java(tool)).replace("*", "'*'")
            self._script(script, f'#!/bin/sh\nexec {words} "$@"\n')

    def _script(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def _command(self) -> list[str]:
        return ["sh", str(DEPLOY / "kafka" / "start.sh")]

    def start(self) -> None:
        """Start with what the container has in its environment."""
        environment = {
            "KAFKA_CLUSTER_ID": "journey_test_clusterAA",
            "KAFKA_JOURNEY_PASSWORD": PASSWORD,
            "KAFKA_BIN": str(self.bin),
            "KAFKA_SETTINGS": str(self._settings),
        }
        with patch.dict(os.environ, environment):
            super().start()
