"""Reads a WebSocket until it ends: bounded messages, and none while the collector takes nothing.

One thread reads and writes: of connections over TLS that two threads of the library share, six in a thousand stood still.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from streams.listen.addresses import is_local
from streams.listen.outbox import Outbox
from streams.listen.pauses import Pauses

__all__ = ["AWAY", "LARGEST", "Reading", "Runner", "read", "reason_of"]

LARGEST = 2 * 1024 * 1024  # bytes of a message, decompressed; a record of Bluesky has 1 MiB at most
_WAITING = 64  # frames that wait for us: then the socket is not read, and the server has to wait
_LOOK_S = 0.2
AWAY = (WebSocketException, OSError, EOFError)  # TimeoutError is an OSError


def reason_of(error: Exception) -> str:
    """Return why a connection ended, without what the server may have put into words of its own at length."""
    if isinstance(error, ConnectionClosed) and error.rcvd is None and error.sent is not None:
        return f"closed by us: {error.sent.code} {error.sent.reason}"[:200]
    return f"{type(error).__name__}: {error}"[:200]


class Runner:
    """Runs sessions until the process is to stop, one after the other, with pauses where they fail.

    Parameters
    ----------
    session
        Connects and reads, with `read`; returns whether it is done for good.
    """

    def __init__(
        self, outbox: Outbox, asked: Event, session: Callable[[], bool], pauses: Pauses | None = None
    ) -> None:
        self._outbox, self._asked, self._session = outbox, asked, session
        self._pauses = pauses or Pauses(asked)

    def run(self) -> None:
        """Run until the process is to stop, or a session is done for good. What is in hand is sent at the end.

        Raises
        ------
        NotSentError
            The collector does not have what was in hand, which is read again.
        CollectorError, StateError, UserError
            It cannot go on.
        """
        while not self._asked.is_set():
            before, after_s = self._outbox.cursor, 0.0
            try:
                if self._session():
                    break
                why = "the server has ended the stream"
            except AWAY as error:
                why = reason_of(error)
                after_s = getattr(error, "after_s", 0.0)
                if isinstance(error, InvalidStatus):
                    why = f"the server answered {error.response.status_code}"
            self._outbox.flush()
            if self._asked.is_set():
                break
            self._outbox.tally.trouble = why
            if self._outbox.cursor != before:
                self._pauses.well()
            self._pauses.wait(why, after_s)
        self._outbox.flush()


@dataclass(frozen=True, slots=True)
class Reading:
    """What is done with a stream.

    Attributes
    ----------
    take
        Called with each message.
    is_done
        Called after each message, and several times a second; returns whether to end for good.
    begin
        Called once it is connected.
    """

    take: Callable[[bytes], None]
    is_done: Callable[[], bool]
    begin: Callable[[], None] = lambda: None


def read(url: str, headers: Mapping[str, str], outbox: Outbox, asked: Event, reading: Reading) -> bool:
    """Connect and read until the process is to stop, or it is done for good; send what messages give. Return whether it is done.

    Certificates are verified; no redirect leads out of TLS or takes a token to another host. While events are sent, nothing
    is read.
    """
    return asyncio.run(_read(url, headers, outbox, asked, reading))


async def _read(url: str, headers: Mapping[str, str], outbox: Outbox, asked: Event, reading: Reading) -> bool:
    async with _connected(url, headers) as connection:
        reading.begin()
        outbox.tally.trouble = ""
        outbox.tally.connections += 1
        while not asked.is_set():
            with suppress(TimeoutError):
                if await _read_for_a_while(connection, outbox, asked, reading):
                    return True
            if outbox.is_due():
                outbox.flush()
            if reading.is_done():
                return True
    return False


async def _read_for_a_while(
    connection: ClientConnection, outbox: Outbox, asked: Event, reading: Reading
) -> bool:
    """Read, under one timer for all messages, which raises TimeoutError; return whether it is done."""
    async with asyncio.timeout(_LOOK_S):
        while not asked.is_set():
            reading.take(await connection.recv(decode=False))
            if outbox.is_due():
                outbox.flush()
            if reading.is_done():
                return True
    return False


def _connected(url: str, headers: Mapping[str, str]) -> connect:
    more: dict[str, Any] = {"proxy": None} if is_local(url) else {}
    return connect(
        url,
        additional_headers=dict(headers),
        user_agent_header="journey-listen",
        open_timeout=10,
        close_timeout=1,
        ping_interval=20,
        ping_timeout=20,
        max_size=LARGEST,
        max_queue=_WAITING,
        **more,
    )
