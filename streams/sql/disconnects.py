"""Cancels queries whose client disconnects, and bounds answers to slow clients in memory and time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from streams.store.calls import OverloadedError

__all__ = ["GoneError", "Sending", "unless_gone"]

Answer = TypeVar("Answer")

_MOST_BYTES = 256_000_000  # of answers that are being sent
_PIECE_BYTES = 262_144
_SEND_S = 300  # for one answer
_log = logging.getLogger(__name__)


class GoneError(RuntimeError):
    """An error of a client that disconnected before there was an answer."""


async def unless_gone(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Wait for an answer, and cancel the work on it where the client disconnects first.

    Raises
    ------
    GoneError
        It went away.
    """
    asked = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            raise GoneError
        return await asked
    finally:
        for task in (asked, gone):
            if task.cancel():
                with suppress(asyncio.CancelledError):
                    await task


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Sending:
    """A counter of answers that are being sent, bounded in bytes together and each in time."""

    def __init__(self) -> None:
        self._bytes = 0

    def response(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """Return an answer that is counted until it has been sent, or the client has gone.

        Raises
        ------
        OverloadedError
            It is large, and clients that are slow to take their answers hold too much already.
        """
        length = {"content-length": str(len(body))}
        if len(body) <= _PIECE_BYTES:
            return Response(body, headers=headers)
        if self._bytes + len(body) > _MOST_BYTES:
            raise OverloadedError(f"answers of {self._bytes:,} bytes wait to be taken: try again later")
        self._bytes += len(body)
        return _Counted(self._pieces(body), headers={**headers, **length}, over=lambda: self._sent(len(body)))

    def _sent(self, size: int) -> None:
        self._bytes -= size

    @staticmethod
    async def _pieces(body: bytes) -> AsyncIterator[bytes]:
        view = memoryview(body)
        for start in range(0, len(body), _PIECE_BYTES):
            yield bytes(view[start : start + _PIECE_BYTES])


class _Counted(StreamingResponse):
    def __init__(self, pieces: AsyncIterator[bytes], headers: Mapping[str, str], over: Any) -> None:
        super().__init__(pieces, headers=headers)
        self._over = over

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                await super().__call__(scope, receive, send)
        except TimeoutError:  # the server closes the connection
            _log.warning("an answer was not taken within %d s: its connection is closed", _SEND_S)
        finally:
            self._over()
