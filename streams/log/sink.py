"""Defines where a collector writes frames: the synced SQLite log of a data directory, or Kafka with all acks."""

from pathlib import Path
from typing import Protocol

from journey.errors import UserError
from streams.log.frame import Frame, encode
from streams.log.local import Log, LogError

__all__ = ["FileSink", "Sink", "SinkError"]


class SinkError(UserError, RuntimeError):
    """An error of a frame that the log did not accept, or perhaps did; sending its events again is harmless."""


class Sink(Protocol):
    """A log that outlives this process. Used by one thread."""

    def write(self, frame: Frame) -> None:
        """Return once the frame is safe. Raises SinkError."""

    def lag(self) -> int:
        """Return how many frames wait to be processed, as far as this process is to care."""

    def close(self) -> None:
        """Let go of it."""


class FileSink:
    """The log of a data directory, which another thread or process drains; each frame is synced to disk.

    Raises
    ------
    SinkError
        It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._log = Log(path, durable=True)
        self._last = self._log.last

    def write(self, frame: Frame) -> None:
        """Return once the frame is synced. Raises SinkError."""
        try:
            self._last = self._log.append(encode(frame))
        except LogError as error:
            raise SinkError(str(error)) from error

    def lag(self) -> int:
        """Return how many frames wait to be drained."""
        return max(0, self._last - self._log.committed)

    def close(self) -> None:
        """Close the log."""
        self._log.close()
