"""Sends messages over the Unix socket of a data directory: a head of JSON, and a body of bytes.

The file system is the permission: who may open the socket owns the directory.
"""

import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from journey.errors import UserError

__all__ = ["NAME", "PIECE_BYTES", "ClosedError", "Head", "Wire", "version", "where"]

NAME = "journey.sock"
PIECE_BYTES = 2**20  # of a body, as answers are cut
_LONGEST_PATH = 100  # of a socket's address a system takes 104 bytes at least
_MOST_HEAD, _MOST_BODY = 2**26, 2**28
_SIZES = struct.Struct(">IQ")

Head = dict[str, Any]


class ClosedError(UserError, ConnectionError):
    """An error of the other side, which has ended or sends what is no message."""


class Wire:
    """A connection to the other process. Used by one thread at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    @classmethod
    def to(cls, data: Path) -> "Wire":
        """Connect to the process that has a data directory open. Raises OSError where none listens."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with where(data) as address:
                connection.connect(address)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def send(self, head: Mapping[str, Any], body: bytes | memoryview = b"") -> None:
        """Send a message. Raises ClosedError."""
        text = json.dumps(head).encode()
        try:
            self._socket.sendall(_SIZES.pack(len(text), len(body)) + text)
            if body:
                self._socket.sendall(body)
        except OSError as error:
            raise ClosedError(f"the connection has ended: {error}") from error

    def receive(self) -> tuple[Head, bytes]:
        """Wait for a message. Raises ClosedError at the end of the connection."""
        size, more = _SIZES.unpack(self._exactly(_SIZES.size))
        if size > _MOST_HEAD or more > _MOST_BODY:
            raise ClosedError("this is no message of ours")
        try:
            head = json.loads(self._exactly(size))
        except ValueError as error:
            raise ClosedError(f"this is no message of ours: {error}") from error
        if not isinstance(head, dict):
            raise ClosedError("this is no message of ours")
        return head, bytes(self._exactly(more))

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            try:
                count = self._socket.recv_into(view[got:])
            except OSError as error:
                raise ClosedError(f"the connection has ended: {error}") from error
            if not count:
                raise ClosedError("the connection has ended")
            got += count
        return data

    @property
    def is_gone(self) -> bool:
        """Whether the other side, of which no message is awaited now, has closed the connection."""
        try:
            return not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def end(self) -> None:
        """End the connection, also for a thread that waits for a message on it."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


@contextmanager
def where(data: Path, name: str = NAME) -> Iterator[str]:
    """Yield an address of the socket of a data directory that is short enough for the system."""
    path = data / name
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{name}"
    finally:
        os.close(folder)


def version() -> str:
    """Return the version of this program: both sides must have the same."""
    try:
        return metadata.version("customer-journey-engine")
    except metadata.PackageNotFoundError:
        return "unknown"
