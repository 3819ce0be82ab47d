"""The ports of a process of ours, and a client that may send whatever bytes it likes."""

import re
import socket
import time
from contextlib import suppress
from pathlib import Path

from tests.collector.server import Collector
from tests.fixtures.servers.process import memory_mb

__all__ = ["GET", "Ports", "raw", "status"]

GET = (
    b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"  # there is none but at the SQL port: any answer will do
)
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_ADDRESSES = {
    "events": re.compile(r"events are taken on https?://127\.0\.0\.1:(\d+)"),
    "sql": re.compile(r"answering queries on http://127\.0\.0\.1:(\d+)"),
    "metrics": re.compile(r"/metrics on http://127\.0\.0\.1:(\d+)"),
}


class Ports:
    """`journey up`; `more` is environment."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.collector = Collector(folder, JOURNEY_SQL_PORT="0", **more)
        self.key = self.collector.key("all")
        self.collector.start()
        found = {name: pattern.search(self.collector.log) for name, pattern in _ADDRESSES.items()}
        self.ports = {name: int(match[1]) for name, match in found.items() if match}
        assert set(self.ports) == set(_ADDRESSES)

    @property
    def memory_mb(self) -> float:
        return memory_mb(self.collector.pid)

    @property
    def own_mb(self) -> float:
        """The memory that no library holds: pages of one are read in as its code is first used."""
        return memory_mb(self.collector.pid, own=True)

    @property
    def sockets(self) -> int:
        """How many it has open; threads that queries have used keep files of their own."""
        found = 0
        for each in Path(f"/proc/{self.collector.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found += str(each.readlink()).startswith("socket:")
        return found

    def health_s(self) -> float:
        """Return how long /health of the collector takes."""
        began = time.monotonic()
        assert self.collector.get("/health").status == 200
        return time.monotonic() - began

    def end(self) -> None:
        """End it as an operator does."""
        try:
            assert self.collector.stop() == 0
            assert "Traceback" not in self.collector.log
            assert " ERROR " not in self.collector.log
        finally:
            self.collector.kill()


def raw(port: int, *pieces: bytes, timeout_s: float = 30.0) -> bytes:
    """Send bytes, and return all that comes back until the other side closes, or nothing comes for so long."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as client, suppress(OSError):
        with suppress(OSError):  # it may have hung up, and have said why
            for piece in pieces:
                client.sendall(piece)
        while got := client.recv(65_536):
            said += got
    return said


def status(said: bytes) -> int:
    """Return the status of the first answer, 0 where the connection was closed without."""
    found = _STATUS.match(said)
    return int(found[1]) if found else 0
