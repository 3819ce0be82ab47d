"""Asks the endpoint of a worker or gateway, as Prometheus and an orchestrator do."""

import http.client
import json
import re
import time
from contextlib import suppress
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.servers.process import wait_until
from tests.real_workers.process import Process

__all__ = ["Endpoint", "exit_code", "exposed"]

_URL = re.compile(r"on (http://127\.0\.0\.1:\d+)")
WITHIN_S = 60


def exposed(text: str) -> dict[tuple[str, ...], float]:
    """Return the samples: name and values of its labels, in the order of their names, to value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def exit_code(process: Process) -> int:
    """Wait until a process has ended by itself."""
    wait_until(lambda: not process.running, WITHIN_S, "the process to end")
    return process.stop()


class Endpoint:
    """The endpoint of a process that was started on port 0; waits until the log tells where it is."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._until(lambda: _URL.search(process.log.read_text()), "listens")
        self.url = _URL.search(process.log.read_text())[1]

    def get(self, path: str) -> tuple[int, str]:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def json(self, path: str) -> tuple[int, dict]:
        code, body = self.get(path)
        return code, json.loads(body)

    def metrics(self) -> dict[tuple[str, ...], float]:
        code, body = self.get("/metrics")
        assert code == 200
        return exposed(body)

    def wait(self, path: str, code: int, seconds: float = WITHIN_S) -> dict:
        """Wait for an answer with that code, and return it."""
        self._until(lambda: self.get(path)[0] == code, f"{path} says {code}", seconds)
        found, body = self.json(path)
        assert found == code, body
        return body

    def wait_status(self, status: str, seconds: float = WITHIN_S) -> dict:
        """Wait until /health has that status, and return what it says."""
        said: dict = {}

        def has() -> bool:
            with suppress(ConnectionError):  # cut off by a process that has no time for anybody
                said.update(self.json("/health")[1])
            return said.get("status") == status

        self._until(has, f"/health says {status}", seconds)
        return said

    def _until(self, done, what: str, seconds: float = WITHIN_S) -> None:
        until = time.monotonic() + seconds
        while not done():
            assert self.process.running, self.process.log.read_text()
            assert time.monotonic() < until, f"waited for: {what}; {self.process.log.read_text()[-3000:]}"
            time.sleep(0.1)
