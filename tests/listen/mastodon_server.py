"""A server that speaks Mastodon's protocols for one account: REST with pages and limits, and the stream, which breaks off as it is told."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Request, ServerConnection, serve

TOKEN = "planted-token"
BRAND = {"id": "14715", "username": "lumiere", "acct": "lumiere", "display_name": "Lumière"}
START = datetime(2026, 10, 17, 12, 0, tzinfo=UTC)


def account(name: str) -> dict[str, Any]:
    """Return an account in the shape of the documentation; of another server where its name says so."""
    return {
        "id": str(900_000 + sum(name.encode())), "username": name.partition("@")[0], "acct": name, "display_name": "planted-name",
        "locked": False, "bot": False, "note": "<p>planted-note</p>", "url": f"https://elsewhere.example/@{name}",
    }  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        network = self.server.network
        parts = urlsplit(self.path)
        network.asked.append(self.path)
        status, said, headers = 200, None, {}
        if network.troubles:
            status, said, headers = network.troubles.pop(0)
        elif self.headers["authorization"] != f"Bearer {network.token}":
            status, said = 401, {"error": "The access token is invalid"}
        else:
            said = network.answer(parts.path, parse_qs(parts.query))
            status = 200 if said is not None else 404
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Let clients be killed."""


class MastodonServer:
    """The server, and what happens on it.

    Attributes
    ----------
    troubles
        Answers to the next requests: status, body and headers.
    cut
        After how many messages each connection of the stream is broken off; None for never.
    is_deaf
        Whether what happens is not streamed.
    """

    def __init__(self) -> None:
        self.at, self.token = START, TOKEN
        self.notifications: list[dict[str, Any]] = []
        self.statuses: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.troubles: list[tuple[int, Any, dict[str, str]]] = []
        self.cut: int | None = None
        self.is_deaf, self.has_batches = False, True
        self.before: list[str] = []  # messages with which the next connections begin
        self._number = 34_975_535
        self._lock = threading.Lock()
        self._streams: dict[ServerConnection, list[int]] = {}
        self._rest = _Server(("127.0.0.1", 0), Handler)
        self._rest.network = self
        self._stream = serve(self._streamed, "127.0.0.1", 0, process_request=self._admitted)
        self.url = f"http://127.0.0.1:{self._rest.server_port}"

    @contextmanager
    def running(self) -> Iterator["MastodonServer"]:
        threads = [
            threading.Thread(target=self._rest.serve_forever, kwargs={"poll_interval": 0.01}),
            threading.Thread(target=self._stream.serve_forever),
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._rest.shutdown()
            self._stream.shutdown()
            self._rest.server_close()
            for thread in threads:
                thread.join()

    def answer(self, path: str, query: dict[str, list[str]]) -> Any:
        with self._lock:
            if path == "/api/v1/accounts/verify_credentials":
                return BRAND
            if path == "/api/v2/instance":
                where = f"ws://127.0.0.1:{self._stream.socket.getsockname()[1]}"
                return {"domain": "mastodon.example", "configuration": {"urls": {"streaming": where}}}
            if path == "/api/v1/notifications":
                return self._page({name: values[0] for name, values in query.items()})
            if path == "/api/v1/statuses" and self.has_batches:
                return [self.statuses[name] for name in query.get("id[]", ())[:20] if name in self.statuses]
            return self.statuses.get(path.removeprefix("/api/v1/statuses/"))

    def _page(self, query: dict[str, str]) -> list[dict[str, Any]]:
        low, high = int(query.get("min_id", "0")), int(query.get("max_id", "99999999999"))
        found = [each for each in self.notifications if low < int(each["id"]) < high]
        limit = min(int(query.get("limit", "40")), 80)
        return (found[:limit] if "min_id" in query else found[-limit:])[::-1]

    def _admitted(self, connection: ServerConnection, request: Request) -> Any:
        is_known = request.headers.get("authorization") == f"Bearer {self.token}"
        is_user = "stream=user" in request.path
        return None if is_known and is_user else connection.respond(401 if is_user else 400, "no\n")

    def _streamed(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed, OSError):
            if self.before:
                connection.send(self.before.pop(0))
            with self._lock:
                self._streams[connection] = [0]
            while True:
                connection.recv()
        with self._lock:
            self._streams.pop(connection, None)

    def push(self, event: str, payload: Any) -> None:
        """Send a message to every stream."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        with self._lock:
            for connection, count in list(self._streams.items()):
                if self.is_deaf:
                    continue
                with suppress(ConnectionClosed, OSError):
                    if self.cut is not None and count[0] >= self.cut:
                        connection.socket.shutdown(socket.SHUT_RDWR)
                        self._streams.pop(connection)
                        continue
                    connection.send(json.dumps({"stream": ["user"], "event": event, "payload": text}))
                    count[0] += 1

    @property
    def streams(self) -> int:
        return len(self._streams)

    def notify(self, kind: str, who: str, **more: Any) -> str:
        """Have a notification; return its id."""
        self.at += timedelta(seconds=1)
        self._number += 3
        made = {
            "id": str(self._number), "type": kind, "created_at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "account": account(who),
        } | more  # fmt: skip
        with self._lock:
            self.notifications.append(made)
        self.push("notification", made)
        return made["id"]

    def status(self, who: dict[str, Any], **more: Any) -> dict[str, Any]:
        self._number += 1
        made = {
            "id": f"1089143435{self._number}", "created_at": "2026-10-17T12:00:00.000Z", "in_reply_to_id": None,
            "in_reply_to_account_id": None, "visibility": "public", "content": "<p>planted-text</p>", "account": who,
        } | more  # fmt: skip
        self.statuses[made["id"]] = made
        return made

    def mention(self, who: str, **more: Any) -> str:
        """Have a post that mentions the brand; return its id."""
        made = self.status(account(who), **more)
        self.notify("mention", who, status=made)
        return made["id"]

    def delete(self, status: str) -> None:
        """Delete a post, and its notifications with it."""
        with self._lock:
            self.statuses.pop(status, None)
            self.notifications = [
                each for each in self.notifications if (each.get("status") or {}).get("id") != status
            ]
        self.push("delete", status)
