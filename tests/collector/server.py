"""A collector as a process of its own, write keys for it, and a plain client."""

import gzip
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from streams.settings import SEPARATE
from tests.fixtures import commands
from tests.fixtures.directories import with_tables
from tests.fixtures.servers.process import wait_until
from tests.real_workers.process import Process

__all__ = ["BATCH", "LINES", "ONE", "Answer", "Collector", "event", "lines_of", "zipped"]

KEY = bytes(range(32))
ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
LINES = "application/x-ndjson"
_LISTENS = re.compile(r"events are taken on (https?)://127\.0\.0\.1:(\d+)")
_TELLS = re.compile(r"/metrics on http://127\.0\.0\.1:(\d+)")


def event(name: str = "1", **more: Any) -> dict[str, Any]:
    """Return an event of now; `data` among the keywords is added to its own."""
    data = {"brand": "lumiere", "handles": {"cookie": f"c-{name}"}} | more.pop("data", {})
    made = {"id": name, "source": "https://shop.example", "type": "web.page_view"}
    return made | {"time": datetime.now(UTC).isoformat()} | more | {"data": data}


def lines_of(*events: Any) -> bytes:
    """Return events one a line."""
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in events)


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, 1)


class Answer:
    """Status, headers in lower case, and body."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def statuses(self) -> list[str]:
        return [item["status"] for item in self.json["items"]]

    def __repr__(self) -> str:
        return f"{self.status} {dict(self.headers)} {self.body[:2_000]!r}"


class Collector:
    """`journey up` or `journey collector` on a data directory; `more` is environment; `made`: with tables of few rows a granule, as tests have."""

    def __init__(
        self,
        folder: Path,
        command: str = "up",
        *,
        arguments: Sequence[str] = (),
        made: bool = True,
        **more: str,
    ) -> None:
        self.folder, self.data = folder, folder / "data"
        self._environment = (
            os.environ
            | {
                "JOURNEY_COLLECTOR_PORT": "0",
                "JOURNEY_WEB_PORT": "0",
                "JOURNEY_SQL_PORT": "off",
                "JOURNEY_COLLECTOR_ADDRESS_RATE": "0",
                "JOURNEY_HANDLE_KEY": KEY.hex(),
                "TZ": "UTC",
            }
            | more
        )
        self._given = list(arguments) or ["--data", str(self.data)]
        self._command = command
        if made and command == "up" and self._given == ["--data", str(self.data)]:
            with_tables(self.data, self._environment.get("JOURNEY_BRANDS", SEPARATE))
        self.process: Process | None = None
        self.port = 0

    def start(self) -> "Collector":
        """Start it, and wait until it listens and its log is open."""
        self.kill()  # one that ended by itself is let go of
        log = self.folder / f"collector-{len(list(self.folder.glob('collector-*.log')))}.log"
        command = [str(commands.JOURNEY), self._command, *(self._given if "--data" in self._given else [])]
        self.process = Process(command, self._environment, log)
        wait_until(self._listens, 60, f"the collector to listen: {self.process.told()}", every_s=0.05)
        wait_until(lambda: self.get("/ready").status == 200, 60, "the log to open", every_s=0.05)
        return self

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.running, self.process.told()
        found = _LISTENS.search(self.process.log.read_text())
        self.port = int(found[2]) if found else 0
        return bool(found)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        assert self.process is not None
        return self.process.log.read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process._child.pid

    def run(self, *words: str) -> str:
        """Run a command on the same data and return what it printed."""
        given = self._given if words[0] != "schema" and "--data" in self._given else []
        done = commands.run(
            [commands.JOURNEY, *words, *given],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query; of a data directory, once nobody else has it open."""
        return [json.loads(line) for line in self.run("sql", query, "--format", "JSONEachRow").splitlines()]

    def key(self, name: str, *grant: str) -> str:
        """Make a write key for everything, or for what is given."""
        given = grant or ("--brand", "*", "--channel", "*", "--channel", "identity")
        rate = () if "--rate" in given else ("--rate", "0")
        return self.run("keys", "write", "create", name, *given, *rate).strip()

    def send(
        self,
        body: bytes | Any,
        key: str = "",
        *,
        kind: str = ONE,
        path: str = "/v1/events",
        method: str = "POST",
        **headers: str,
    ) -> Answer:
        """Send a body, or an event or list of them as JSON; names of headers have _ for -."""
        given = {"content-type": kind} | {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            given["authorization"] = f"Bearer {key}"
        return self.ask(method, path, body if isinstance(body, bytes) else json.dumps(body).encode(), given)

    def get(self, path: str) -> Answer:
        return self.ask("GET", path, None, {})

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            with suppress(
                BrokenPipeError, ConnectionResetError
            ):  # it may answer before it has a body that it refuses
                connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(
                answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            )
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """Return the metrics by name and labels."""
        found = _TELLS.search(self.log)
        assert found
        connection = HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        assert self.process is not None
        return self.process.stop()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
