"""An application that publishes events, and writes down which of them Kafka has acknowledged, to be held to it."""

import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from kafka.errors import KafkaError

from schemas.topics import EVENTS_IN
from streams.kafka.clients import producer
from streams.kafka.errors import BrokerError
from streams.settings import KafkaSettings

__all__ = ["Ledger"]

_CHUNK = 20
_ACKNOWLEDGED_S = 30


class Ledger:
    """Publishes lines to events.in in a thread of its own, a few at a time, each until it is acknowledged."""

    def __init__(self, kafka: KafkaSettings, lines: Sequence[bytes], path: Path, *, seconds: float) -> None:
        self._kafka, self._lines, self._path = kafka, list(lines), path
        self._pause_s = seconds * _CHUNK / len(lines)
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self.error: BaseException | None = None
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether everything is acknowledged; raises what went wrong."""
        if self.error is not None:
            raise self.error
        return not self._thread.is_alive()

    @property
    def ids(self) -> list[str]:
        """The ids that were written down."""
        return self._path.read_text().splitlines() if self._path.exists() else []

    def _publish(self) -> None:
        try:
            with self._path.open("a") as ledger:
                for first in range(0, len(self._lines), _CHUNK):
                    for line in self._acknowledged(self._lines[first : first + _CHUNK]):
                        ledger.write(f"{_id(line)}\n" if _id(line) else "")
                    ledger.flush()
                    os.fsync(ledger.fileno())
                    time.sleep(self._pause_s)
        except BaseException as error:  # noqa: BLE001 — told by whoever asks
            self.error = error

    def _acknowledged(self, lines: list[bytes]) -> list[bytes]:
        """Send lines until Kafka has all of them; return them."""
        waiting = lines
        while waiting:
            failed = []
            try:
                out = producer(self._kafka, delivery_timeout_ms=1000 * _ACKNOWLEDGED_S)
            except (BrokerError, KafkaError):
                time.sleep(0.5)
                continue
            try:
                sent = [(line, out.send(self._kafka.prefix + EVENTS_IN, line)) for line in waiting]
                for line, future in sent:
                    try:
                        future.get(_ACKNOWLEDGED_S)
                    except KafkaError:
                        failed.append(line)
            finally:
                out.close(timeout=1)
            waiting = failed
        return lines


def _id(line: bytes) -> str:
    try:
        return str(json.loads(line)["id"])
    except (ValueError, KeyError):
        return ""
