"""Clients that send until they are told to stop, and write down which events were acknowledged."""

import json
import threading
from http.client import HTTPConnection, HTTPException

from tests.collector.server import LINES, Collector, event, lines_of

__all__ = ["Load"]


class Load:
    """Threads that send small batches, each again until it is acknowledged; `acknowledged` are ids.

    `port` is that of a way to the collector, if not the collector's own.
    """

    def __init__(
        self, collector: Collector, key: str, *, name: str, clients: int = 8, size: int = 7, port: int = 0
    ) -> None:
        self._collector, self._key, self._name, self._size, self._port = collector, key, name, size, port
        self.acknowledged: list[str] = []
        self.sent: list[str] = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(client,)) for client in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _send(self, client: int) -> None:
        batch = 0
        while not self._stopping.is_set():
            batch += 1
            ids = [f"{self._name}-{client}-{batch}-{number}" for number in range(self._size)]
            self.sent += ids
            body = lines_of(*(event(name) for name in ids))
            while not self._stopping.is_set() and not self._acknowledged(body, ids):
                self._stopping.wait(0.02)

    def _acknowledged(self, body: bytes, ids: list[str]) -> bool:
        connection = HTTPConnection("127.0.0.1", self._port or self._collector.port, timeout=30)
        try:
            headers = {"authorization": f"Bearer {self._key}", "content-type": LINES}
            connection.request("POST", "/v1/events", body, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, HTTPException, ValueError):
            return False
        finally:
            connection.close()
        if answer.status != 202:
            return False
        self.acknowledged += [
            name for name, item in zip(ids, told["items"], strict=True) if item["status"] != "rejected"
        ]
        return True
