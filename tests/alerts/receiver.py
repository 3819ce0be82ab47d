"""An HTTP server on the loopback that keeps what it is sent, and answers as it is told."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Taken:
    """A request: its path, headers in lower case, body, and the status that was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    at_s: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers 204, or the statuses of `answers` first, of which 0 breaks the connection off; each after `pause_s`.

    Waits for `came` are woken by each request.
    """

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    came: threading.Condition = field(default_factory=threading.Condition)
    pause_s: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=k"

    @property
    def accepted(self) -> list[Taken]:
        return [one for one in self.taken if one.status == 204]

    def wait(self, accepted: int, timeout_s: float = 20.0) -> list[Taken]:
        """Return what was accepted, once it is so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.accepted) >= accepted, timeout_s), self.taken
        return self.accepted


@contextmanager
def listening(port: int = 0, **options: Any) -> Iterator[Receiver]:
    """Listen meanwhile."""
    receiver = Receiver(**options)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with receiver.came:
                status = receiver.answers.pop(0) if receiver.answers else 204
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.taken.append(Taken(self.path, headers, body, status))
                receiver.came.notify_all()
            time.sleep(receiver.pause_s)
            if status == 0:
                self.connection.close()
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
