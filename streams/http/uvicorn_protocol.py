"""Implements HTTP/1.1 connections for every port, with limits and deadlines on what a client sends and receives."""

import asyncio
from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.http.connection_limits import Occupancy
from streams.http.cross_site import host_trouble
from streams.http.problems import Problem

__all__ = ["Connection"]

_PIECE = 8_192  # bytes that are parsed at once: what goes over a bound goes over it by no more
_UNSENT_STEP = 16_384  # bytes that a client must take within `unsent_s`
_BODY_PER_FRAMING = 8  # bytes of a body for each one of chunk sizes, at least, beyond the first `head_bytes`


class _Stopped(Exception):  # noqa: N818 - it ends the parser, and is no failure
    """Nothing more of this connection is parsed."""


class Connection(HttpToolsProtocol):
    """A connection: a request that comes in, answers that go out, and one deadline for the next step."""

    def __init__(self, *given: Any, occupancy: Occupancy, **named: Any) -> None:
        super().__init__(*given, **named)
        self.parser: Any = None  # made with the connection: one that never comes about leaves no cycle
        self._occupancy, self._bounds = occupancy, occupancy.bounds
        self._deadline: asyncio.TimerHandle | None = None
        self._awaited = ""  # head, body, next (request), or nothing
        self._sending: asyncio.TimerHandle | None = None
        self._in_head, self._in_body, self._is_over = False, False, False
        self._has_completed, self._took = False, False
        self._head_bytes = self._body_bytes = self._framing_bytes = self._trailer_bytes = 0
        self._unsent_before = 0
        self._chunks: list[bytes] = []
        self._unanswered: list[Any] = []

    # What the transport says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, unless there are too many."""
        self.parser = httptools.HttpRequestParser(self)
        super().connection_made(transport)
        self._await("head")
        self._occupancy.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._occupancy.leave(self)
        self._await("")
        if self._sending is not None:
            self._sending.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, piece by piece."""
        if self._awaited == "next":
            self._head_bytes = 0
            self._await("head")
        for start in range(0, len(data), _PIECE):
            if self._is_over or self.transport.is_closing():
                return
            self._parse(data[start : start + _PIECE])

    def eof_received(self) -> None:
        """Answer no more: the transport closes, and uvloop's must not be written to then."""
        self._abandon()

    def pause_writing(self) -> None:
        """Have the application wait: the client does not take its answer as fast as it is made."""
        super().pause_writing()
        self._occupancy.sends(self)
        self._watch_sending()

    def resume_writing(self) -> None:
        """Go on: the client has caught up."""
        self._took = True
        self._occupancy.sent(self)
        super().resume_writing()

    # What the parser says

    def on_message_begin(self) -> None:
        """Begin with a request."""
        if len(self.pipeline) >= self._bounds.pipelined:
            self._end_with_the_last_answer()
            raise _Stopped
        super().on_message_begin()
        self._in_head, self._in_body, self._head_bytes = True, False, 0
        self._await("head")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer counts, and nobody reads it."""
        if not self._in_body:
            super().on_header(name, value)
            return
        self._trailer_bytes += len(name) + len(value)
        if self._trailer_bytes > self._bounds.head_bytes:
            self._stop(self._too_large("trailers"))

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        size = sum(len(name) + len(value) for name, value in self.headers) + len(self.url)
        if size > self._bounds.head_bytes:
            self._stop(self._too_large("request line and headers"))
        if trouble := self._head_trouble():
            self._stop(Problem("malformed", trouble))
        super().on_headers_complete()
        self._in_head, self._in_body = False, True
        self._body_bytes = self._framing_bytes = self._trailer_bytes = 0
        self._unanswered.append(self.cycle)
        self._await("body")
        self._occupancy.work(self)

    def on_body(self, body: bytes) -> None:
        """Keep a chunk until its piece has ended: there may be thousands in one, and this is done for each."""
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """End the request; its answer may still be made."""
        if problem := self._take_body():
            self._stop(problem)
        super().on_message_complete()
        self._in_body, self._has_completed = False, True
        self._await("next" if self._is_answered else "")

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        super().on_response_complete()
        self._unanswered = [cycle for cycle in self._unanswered if not cycle.response_complete]
        self._unset_keepalive_if_required()
        if self.unsent:
            self._watch_sending()
        if self.transport.is_closing() or self.pipeline:
            return
        self._occupancy.wait(self)
        if not (self._in_head or self._in_body):
            self._await("next")

    # What the port asks

    @property
    def unsent(self) -> int:
        """Bytes of answers that the client has not received."""
        return int(self.transport.get_write_buffer_size())

    def cut(self) -> None:
        """End at once."""
        self._is_over = True
        self._abandon()
        self.transport.abort()

    # What is counted

    def _parse(self, piece: bytes) -> None:
        was_in_body, body_bytes, self._has_completed = self._in_body, self._body_bytes, False
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._end_with_the_last_answer()
        except httptools.HttpParserError:
            self._refuse(Problem("malformed", "this is no HTTP/1.1 request"))
        if problem := self._take_body():
            self._refuse(problem)
        if self._awaited == "head":
            # What ended another request in this piece does not count, and empty lines before a request do.
            self._head_bytes += 0 if self._has_completed else len(piece)
            if self._head_bytes > self._bounds.head_bytes:
                self._refuse(self._too_large("request line and headers"))
        elif was_in_body and self._in_body:
            self._framing_bytes += len(piece) - max(0, self._body_bytes - body_bytes)
            if self._framing_bytes > self._bounds.head_bytes + self._body_bytes // _BODY_PER_FRAMING:
                self._refuse(self._too_large("chunk sizes and extensions, beyond an eighth of the body"))

    def _take_body(self) -> Problem | None:
        """Hand on what a piece had of the body, at once; return what is wrong with it."""
        if not self._chunks or self._is_over:
            return None
        body = b"".join(self._chunks)
        self._chunks.clear()
        self._body_bytes += len(body)
        if self._body_bytes > self._bounds.body_bytes:
            return Problem("too_large", f"at most {self._bounds.body_bytes:,} bytes")
        super().on_body(body)
        return None

    def _head_trouble(self) -> str:
        """Say what is wrong with a head that parses, "" for nothing."""
        if self.parser.get_method() == b"CONNECT":
            return "nothing is passed on from here"
        hosts = [value for name, value in self.headers if name == b"host"]
        return host_trouble(hosts, self.url, self.parser.get_http_version())

    def _too_large(self, what: str) -> Problem:
        return Problem("head_too_large", f"{what}: at most {self._bounds.head_bytes:,} bytes")

    # How long it may take

    def _await(self, what: str) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._awaited, self._deadline = what, None
        if what:
            times = {"head": self._bounds.head_s, "body": self._bounds.body_s, "next": self._bounds.idle_s}
            self._deadline = self.loop.call_later(times[what], self._late)

    def _late(self) -> None:
        if self._awaited == "next":
            self._close()
        elif self._awaited == "head":
            self._refuse(Problem("too_slow", f"the headers have {self._bounds.head_s:g} s"))
        elif self.flow.read_paused:  # it is not the client that is waited for
            self._await("body")
        else:
            self._refuse(Problem("too_slow", f"the body has {self._bounds.body_s:g} s"))

    def _watch_sending(self) -> None:
        if self._sending is None:
            self._unsent_before, self._took = self.unsent, False
            self._sending = self.loop.call_later(self._bounds.unsent_s, self._look_at_sending)

    def _look_at_sending(self) -> None:
        self._sending = None
        unsent = self.unsent
        if unsent and not self._took and unsent > self._unsent_before - _UNSENT_STEP:
            self.cut()
        elif unsent:
            self._watch_sending()

    # How it ends

    def _stop(self, problem: Problem) -> NoReturn:
        """Refuse from within the parser."""
        self._refuse(problem)
        raise _Stopped

    @property
    def _is_answered(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    def _refuse(self, problem: Problem) -> None:
        """Answer and close; what was asked before is answered first, and nothing is answered twice."""
        if self._is_over or self.transport.is_closing():
            return
        if self._in_body:
            self._refuse_body(problem)
        elif self._is_answered:
            self._tell(problem)
        else:
            self._end_with_the_last_answer()

    def _refuse_body(self, problem: Problem) -> None:
        if self.cycle.response_complete:  # all that the client still sends was for nothing
            self._close()
        elif self.cycle.response_started or self.pipeline:
            self.cut()
        else:
            self._abandon()
            self._tell(problem)

    def _abandon(self) -> None:
        """Have nothing more written of answers that are being made."""
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()

    def _tell(self, problem: Problem) -> None:
        headers = dict(problem.headers) | {"content-length": str(len(problem.body)), "connection": "close"}
        lines = [f"HTTP/1.1 {int(problem.status)} {problem.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + problem.body)
        self._close()

    def _end_with_the_last_answer(self) -> None:
        """Parse nothing more, and close when what was asked until now is answered."""
        self._is_over = True
        self._await("")
        if self._is_answered:
            self._close()
        else:
            self.cycle.keep_alive = False
            self.flow.pause_reading()

    def _close(self) -> None:
        """Close, when what was written is sent."""
        self._is_over = True
        self._await("")
        self.transport.close()
        if self.unsent:
            self._watch_sending()
