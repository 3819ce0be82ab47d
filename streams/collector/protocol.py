"""HTTP/1.1 connections with an end: to how many there are, and to how long and how large the head of a request is."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.collector.limits import CONNECTIONS, HEAD_BYTES, HEAD_S
from streams.collector.problems import Problem

__all__ = ["Connection"]


class Connection(HttpToolsProtocol):
    """One connection; bodies are timed where they are read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many."""
        super().connection_made(transport)
        self._head_bytes, self._is_head = 0, True
        self._too_slow = self.loop.call_later(HEAD_S, self._cut)
        if len(self.connections) > CONNECTIONS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._too_slow.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        if self._is_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_head and self._head_bytes > HEAD_BYTES:
            self._refuse(Problem("head_too_large", f"at most {HEAD_BYTES:,} bytes"))

    def on_message_begin(self) -> None:
        """Begin with a request."""
        super().on_message_begin()
        self._is_head = True
        self._too_slow.cancel()
        self._too_slow = self.loop.call_later(HEAD_S, self._cut)

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        self._too_slow.cancel()
        self._is_head, self._head_bytes = False, 0
        if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > HEAD_BYTES:
            self._refuse(Problem("head_too_large", f"at most {HEAD_BYTES:,} bytes"))
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, unless the request was refused."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body, unless the request was refused."""
        if not self.transport.is_closing():
            super().on_message_complete()
        self._is_head, self._head_bytes = True, 0

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(Problem("malformed", msg))

    def _cut(self) -> None:
        self._refuse(Problem("too_slow", f"the headers have {HEAD_S:g} s"))

    def _refuse(self, problem: Problem) -> None:
        """Answer and close."""
        if self.transport.is_closing():
            return
        headers = dict(problem.headers) | {"content-length": str(len(problem.body)), "connection": "close"}
        head: list[Any] = [f"HTTP/1.1 {int(problem.status)} {problem.status.phrase}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + problem.body)
        self.transport.close()
