"""A way to an HTTP server that breaks: requests get lost, held up or through, and their answers cut off, as a test says."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from random import Random
from typing import Self
from urllib.parse import unquote_plus, urlsplit

__all__ = ["AtRandom", "Fate", "Proxy"]

_END = b"\r\n\r\n"
_HEAD = 2**20  # longest head of a request: the query stands in it


class Fate(Enum):
    """What becomes of a request."""

    PASS = auto()
    LOSE = auto()  # the connection is cut before the server has it
    CUT = auto()  # the server has it and answers; the connection is cut instead
    LATE = auto()  # the connection is cut at once; the server has it when `release` is called
    HOLD = auto()  # the server has it when `release` is called; the client waits
    HALF = auto()  # the server has half of it, and the rest when `release` is called


class AtRandom:
    """Fates of requests from a seed, until it is told to stop: lost before they arrive, or twice as often answered in vain."""

    def __init__(self, seed: int, share: float) -> None:
        self._random, self._share = Random(seed), share
        self.over = threading.Event()

    def __call__(self, _request: str) -> Fate:
        if self.over.is_set() or self._random.random() >= self._share:
            return Fate.PASS
        return self._random.choice([Fate.LOSE, Fate.CUT, Fate.CUT])


class Proxy:
    """Listens on a port of its own while it is entered; `dsn` leads through it.

    `held` is set once something is held up; `delivered` counts the requests that the server answered to nobody.

    Parameters
    ----------
    dsn
        Of the server behind.
    fate
        Says what becomes of each request, from its text: the query, and what of the data can be read as text. Called
        in another thread.
    """

    def __init__(self, dsn: str, fate: Callable[[str], Fate]) -> None:
        self._behind = urlsplit(dsn)
        self._fate = fate
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.held = threading.Event()
        self.delivered = 0
        self.fates: list[Fate] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD), self._loop
        ).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @property
    def dsn(self) -> str:
        """The way through this proxy."""
        user = self._behind.netloc.rpartition("@")[0]
        return self._behind._replace(netloc=f"{user}@127.0.0.1:{self.port}").geturl()

    def release(self) -> None:
        """Let go on whatever is held up, now and from now on."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(
            self._behind.hostname, self._behind.port, limit=_HEAD
        )
        try:
            with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
                while await self._request(reader, writer, inner_reader, inner_writer):
                    pass
        finally:
            writer.close()
            inner_writer.close()

    async def _request(self, reader, writer, inner_reader, inner_writer) -> bool:
        """Deal with one request; return whether the connection goes on."""
        request = await _message(reader)
        fate = self._fate(unquote_plus(request.decode("latin-1")))
        self.fates.append(fate)
        if fate is Fate.LOSE:
            return False
        if fate is Fate.LATE:
            writer.close()
        if fate in {Fate.HOLD, Fate.LATE, Fate.HALF}:
            request = await self._keep(request, inner_writer, half=fate is Fate.HALF)
        inner_writer.write(request)
        await inner_writer.drain()
        answer = await _message(inner_reader)
        if fate in {Fate.CUT, Fate.LATE}:
            self.delivered += 1
            return False
        writer.write(answer)
        await writer.drain()
        return True

    async def _keep(self, request: bytes, inner_writer: asyncio.StreamWriter, *, half: bool) -> bytes:
        """Return what is left to be sent when it may go on."""
        if half:
            middle = (request.index(_END) + len(request)) // 2
            inner_writer.write(request[:middle])
            await inner_writer.drain()
            request = request[middle:]
        self.held.set()
        await self._released.wait()
        return request


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Return one whole request or answer."""
    head = await reader.readuntil(_END)
    fields = dict(line.lower().split(b":", 1) for line in head[:-4].split(b"\r\n")[1:])
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        parts = [head]
        while True:
            size = await reader.readuntil(b"\r\n")
            parts += [size, await reader.readexactly(int(size, 16) + 2)]
            if int(size, 16) == 0:
                return b"".join(parts)
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))
