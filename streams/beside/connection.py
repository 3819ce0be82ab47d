"""Stands for a connection to the engine of another process, as ClickHouse's client uses one of this process."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from streams.beside.wire import PIECE_BYTES, ClosedError, Head, Wire

__all__ = ["EngineConnection", "Result"]

# The files of a statement are named from where the command runs.
_INFILE = re.compile(rb"\A([^']*?\bFROM\s+INFILE\s+)'((?:[^'\\]|\\.)*)'", re.IGNORECASE)
_OUTFILE = re.compile(rb"(\bINTO\s+OUTFILE\s+)'((?:[^'\\]|\\.)*)'(?=[^']*\Z)", re.IGNORECASE)


class Result:
    """The whole answer to a statement."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def bytes(self) -> bytes:
        """Return it."""
        return self._data


class _Pieces:
    """The answer to a statement, piece by piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> "_Pieces":
        return self

    def __next__(self) -> Result:
        return Result(next(self._pieces))

    def close(self) -> None:
        """Take what is left of it, so that the connection serves the next statement."""
        for _ in self._pieces:
            pass


class EngineConnection:
    """A connection with the methods of chDB's that ClickHouse's client calls.

    Parameters
    ----------
    wire
        Serves statements only.
    broken
        Called with the error where the other process has ended.
    """

    def __init__(self, wire: Wire, broken: Callable[[ClosedError], None]) -> None:
        self._wire, self._broken = wire, broken

    def query(self, sql: str | bytes, fmt: str, params: Mapping[str, Any] | None = None) -> Result:
        """Run a statement and return its answer. Raises RuntimeError with what ClickHouse says."""
        return Result(b"".join(self._answer(sql, fmt, params)))

    def send_query(self, sql: str | bytes, fmt: str, params: Mapping[str, Any] | None = None) -> _Pieces:
        """Run a statement whose answer is taken piece by piece."""
        return _Pieces(self._answer(sql, fmt, params))

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def _answer(self, sql: str | bytes, fmt: str, params: Mapping[str, Any] | None) -> Iterator[bytes]:
        text = sql.encode() if isinstance(sql, str) else bytes(sql)
        try:
            text = _OUTFILE.sub(_from_here, text)
            if text.lstrip()[:6].upper() == b"INSERT":
                text = _INFILE.sub(self._handed_over, text)
            head: Head = {"do": "statement", "format": fmt, "parameters": dict(params or {})}
            self._wire.send(head, text)
            while True:
                head, piece = self._wire.receive()
                if "error" in head:
                    raise RuntimeError(head["error"])
                if head.get("is_last"):
                    return
                yield piece
        except ClosedError as error:
            self._broken(error)
            raise

    def _handed_over(self, found: re.Match[bytes]) -> bytes:
        """Hand a file over of which a statement inserts; return where it is for the other process."""
        path = Path(_plain(found[2]))
        self._wire.send({"do": "file", "suffix": "".join(path.suffixes)})
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                self._wire.send({"do": "piece"}, piece)
        self._wire.send({"do": "end"})
        head, _ = self._wire.receive()
        return found[1] + _quoted(head["path"])


def _from_here(found: re.Match[bytes]) -> bytes:
    return found[1] + _quoted(str(Path(_plain(found[2])).absolute()))


def _plain(quoted: bytes) -> str:
    return re.sub(rb"\\(.)", rb"\1", quoted).decode("utf-8", "surrogateescape")


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'".encode("utf-8", "surrogateescape")
