"""Reads a WebSocket until it ends: bounded messages, and none while the collector takes nothing."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from threading import Event

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from streams.listen.addresses import is_local
from streams.listen.outbox import Outbox
from streams.listen.pauses import Pauses

__all__ = ["AWAY", "LARGEST", "Runner", "opened", "read", "reason_of"]

LARGEST = 2 * 1024 * 1024  # bytes of a message, decompressed; a record of Bluesky has 1 MiB at most
_WAITING = 64  # frames that wait for us: then the socket is not read, and the server has to wait
_LOOK_S = 0.2
AWAY = (WebSocketException, OSError, EOFError)  # TimeoutError is an OSError


def opened(url: str, headers: Mapping[str, str] | None = None) -> AbstractContextManager[ClientConnection]:
    """Connect; certificates are verified, and no redirect leads out of TLS or takes a token to another host."""
    more = {"proxy": None} if is_local(url) else {}
    return connect(
        url,
        additional_headers=dict(headers or {}),
        user_agent_header="journey-listen",
        open_timeout=10,
        close_timeout=1,
        ping_interval=20,
        ping_timeout=20,
        max_size=LARGEST,
        max_queue=_WAITING,
        **more,
    )


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


def read(
    connection: ClientConnection,
    outbox: Outbox,
    asked: Event,
    take: Callable[[bytes], None],
    is_done: Callable[[], bool],
) -> bool:
    """Read messages until the process is to stop or `is_done`, and send what they give; return whether it is done."""
    outbox.tally.trouble = ""
    outbox.tally.connections += 1
    while not asked.is_set():
        frame = b""
        with suppress(TimeoutError):
            frame = connection.recv(_LOOK_S, decode=False)
        if frame:
            take(frame)
        if outbox.is_due():
            outbox.flush()
        if is_done():
            return True
    return False
