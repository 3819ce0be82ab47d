"""Bounds the connections of a port: ends the longest idle one when there are too many, and the slowest reader."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Bounds", "Connected", "Occupancy"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits that a port sets its clients.

    Attributes
    ----------
    connections
        At once. One more takes the place of the one that has waited longest without a complete request.
    head_bytes, head_s
        Of the request line and headers; `head_bytes` of trailers too; `head_s` of a TLS handshake too.
    body_bytes, body_s
        Of the body as it is sent, whether it is read or not; `body_s` until its trailers have ended.
    idle_s
        Between an answer and the next request.
    pipelined
        Requests that one connection may send ahead of their answers.
    unsent_bytes
        Of answers that clients of the port have not received yet; beyond, the slowest are cut off.
    unsent_s
        In which a client must take `UNSENT_STEP` bytes of an answer, or the rest of it.
    """

    connections: int
    head_bytes: int
    head_s: float
    body_bytes: int
    body_s: float
    idle_s: float
    unsent_bytes: int
    pipelined: int = 16
    unsent_s: float = 20.0


class Connected(Protocol):
    """A connection, as the port sees it."""

    @property
    def unsent(self) -> int:
        """Bytes of answers that the client has not received."""

    def cut(self) -> None:
        """End at once."""


class Occupancy:
    """The connections of one port, oldest first; for the thread of its event loop alone."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._all: set[Connected] = set()
        self._waiting: dict[Connected, None] = {}
        self._unsent: dict[Connected, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Connected) -> None:
        """Take a connection; where there are too many, end the one that waits longest, or this one."""
        self._all.add(connection)
        if len(self._all) > self.bounds.connections:
            longest = next(iter(self._waiting), connection)
            self.leave(longest)
            longest.cut()
        if connection in self._all:
            self.wait(connection)

    def leave(self, connection: Connected) -> None:
        """Forget a connection."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)
        self._unsent.pop(connection, None)

    def wait(self, connection: Connected) -> None:
        """Note that a connection has nothing to answer: it may be ended for another."""
        self._waiting.pop(connection, None)
        if connection in self._all:
            self._waiting[connection] = None

    def work(self, connection: Connected) -> None:
        """Note that a request of it is being answered."""
        self._waiting.pop(connection, None)

    def sends(self, connection: Connected) -> None:
        """Note that its client is slower than its answer; where too much waits to be sent, end the longest."""
        self._unsent.setdefault(connection)
        while self._unsent and _total(self._unsent) > self.bounds.unsent_bytes:
            longest = next(iter(self._unsent))
            del self._unsent[longest]
            longest.cut()

    def sent(self, connection: Connected) -> None:
        """Note that its client has caught up."""
        self._unsent.pop(connection, None)


def _total(connections: Iterable[Connected]) -> int:
    return sum(each.unsent for each in connections)
