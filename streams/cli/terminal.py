"""Escapes control characters in what commands print, so that text from events cannot steer the terminal."""

import codecs
import sys
from collections.abc import Iterable
from typing import IO, Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from streams.text.printable import visible

__all__ = ["SafeConsole", "guard", "writer"]

_FOR_PEOPLE = ("Pretty", "Vertical")  # how formats of ClickHouse for people begin


class SafeConsole(Console):
    """A console that shows what steers terminals in whatever it renders; its own colours come through."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render to segments."""
        for segment in super().render(renderable, options):
            text = segment.text
            yield segment if segment.control else Segment(visible(text), segment.style)


class _Shown:
    """A stream of text to a terminal; `rich_proxied_file` lets consoles, which see to it themselves, write past it."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream
        self.buffer = _Bytes(stream)

    def write(self, text: str) -> int:
        """Write a text."""
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


class _Bytes:
    """The bytes of such a stream, which are text in UTF-8, or shown as if they were."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode

    def write(self, data: bytes) -> int:
        """Write bytes."""
        self._stream.write(visible(self._decode(data)))
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream.buffer, name)


def guard() -> None:
    """Escape control characters in all that this process writes to a terminal; pipes and files get it unchanged."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty() and not isinstance(stream, _Shown):
            setattr(sys, name, _Shown(stream))


def writer(output: str) -> "IO[bytes] | _Bytes":
    """Return where an answer in a format of ClickHouse goes: as it is, unless the format is for people to read."""
    return _Bytes(sys.stdout) if output.startswith(_FOR_PEOPLE) else sys.stdout.buffer
