"""Reads history from files and from SQL queries, thousands of lines at a time, into frames through the edge."""

import gzip
import io
import json
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate, islice
from pathlib import Path
from typing import IO, Any, BinaryIO

import zstandard

from journey.errors import UserError
from streams.clock import Clock
from streams.edge import Edge
from streams.log.frame import MAX_FRAME_BYTES, MAX_FRAME_EVENTS, Frame
from streams.store.clickhouse import ClickHouse, QueryError
from streams.text.encodings import foreign_form
from streams.text.json_parts import BOM, parts

__all__ = ["InputError", "frames", "lines_of", "selected"]

_LONGEST = 4 * 2**20  # a longer line is cut; what is over the limit of an event is a dead letter anyway
_PEEKED = _BLOCK = 2**20  # bytes
_PIECE = 32  # lines taken at a time: what is held beyond a frame
_REMEDY = {
    "UTF-16": "events are UTF-8: iconv -f UTF-16 -t UTF-8",
    "UTF-32": "events are UTF-8: iconv -f UTF-32 -t UTF-8",
    "gzip": "the name of such a file ends with .gz, and standard input is plain",
    "zstd": "the name of such a file ends with .zst, and standard input is plain",
}
_ENVELOPE = ("id", "source", "type", "time", "specversion", "subject")
_DATA = (
    "brand", "handles", "content", "product", "place", "campaign", "device", "amount", "currency", "rating",
    "sentiment", "text", "language", "cause", "consent", "properties",
)  # fmt: skip


class InputError(UserError, RuntimeError):
    """An error of a file or query that cannot be read; events read before it are accepted."""


def frames(lines: Iterable[bytes], edge: Edge, *, topic: str, clock: Clock) -> Iterator[Frame]:
    """Pack lines into frames of up to 5,000 events or 1 MB; `topic` names the file in the table deliveries."""
    first = 1
    for chunk in _chunks(lines):
        yield edge.pack(chunk, topic=topic, now_us=clock(), first_offset=first)
        first += len(chunk)


def _chunks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Cut lines into lists that fit a frame; a line that is too long for one is alone in its list."""
    source, waiting, size = iter(lines), list[bytes](), 0
    while piece := list(islice(source, _PIECE)):
        waiting += piece
        size += sum(map(len, piece))
        while size > MAX_FRAME_BYTES or len(waiting) >= MAX_FRAME_EVENTS:
            ends = list(accumulate(map(len, waiting[:MAX_FRAME_EVENTS])))
            count = max(bisect_right(ends, MAX_FRAME_BYTES), 1)
            yield waiting[:count]
            size -= ends[count - 1]
            del waiting[:count]
    if waiting:
        yield waiting


def lines_of(path: str) -> Iterator[bytes]:
    """Yield the events of a file, one JSON text each; blank lines are skipped.

    Parameters
    ----------
    path
        ``.ndjson`` or ``.json`` (one event a line, or one array, or one object), plain, ``.gz`` or ``.zst``;
        ``-`` is standard input.

    Raises
    ------
    InputError
        The file is not there, or is damaged.
    """
    try:
        with _open(path) as file:
            if _one_document(file, path):
                yield from _whole(file)
            else:
                yield from _lines(file)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _one_document(file: io.BufferedReader, path: str) -> bool:
    """Whether this is an array, or a .json file whose first line is no event by itself."""
    head = file.peek(_PEEKED)[:_PEEKED].lstrip()
    if head.startswith(b"[") or Path(path.removesuffix(".gz").removesuffix(".zst")).suffix != ".json":
        return head.startswith(b"[")
    try:
        json.loads(head.splitlines()[0] if head else b"{}")
    except (ValueError, RecursionError):
        return True
    return False


@contextmanager
def _open(path: str) -> Iterator[io.BufferedReader]:
    with sys.stdin.buffer if path == "-" else Path(path).open("rb") as raw:
        file = io.BufferedReader(_decompressed(raw, path), 2**20)
        head = file.peek(_PEEKED)
        if form := foreign_form(head):
            raise InputError(
                f"cannot read {path}: it is {form}; {_REMEDY.get(form, 'events are JSON in UTF-8')}"
            )
        if head.startswith(BOM):
            file.read(len(BOM))
        yield file


def _decompressed(raw: IO[bytes], path: str) -> Any:
    if path.endswith(".gz"):
        return gzip.GzipFile(fileobj=raw)
    if path.endswith(".zst"):
        return zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    return raw


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the text between line ends; of a line longer than _LONGEST, only its beginning is kept."""
    rest = b""
    while block := file.read(_BLOCK):
        *lines, tail = (rest + block).split(b"\n")
        yield from (line for line in map(bytes.strip, lines) if line and line != BOM)
        rest = tail[:_LONGEST]
    if (rest := rest.strip()) and rest != BOM:
        yield rest


def _whole(file: io.BufferedReader) -> Iterator[bytes]:
    text = file.read()
    events = parts(text)
    if events is None and parts(text, b"{") is not None:
        events = [text]
    yield from _lines(io.BytesIO(text)) if events is None else map(_compact, events)


def _compact(event: bytes) -> bytes:
    """Return an event without its indentation; one that cannot be read as it is, for the edge to refuse it alone."""
    try:
        return json.dumps(json.loads(event), ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return event[:_LONGEST]


@contextmanager
def selected(store: ClickHouse, sql: str, parameters: dict[str, str]) -> Iterator[Iterator[bytes]]:
    """Run a SELECT whose columns are the contract's fields, and yield its rows as events.

    NULL and empty text mean "absent". `time` may be any date-time type; numbers are read as text where the
    contract wants text (id, handles). The result passes through a temporary file, so it may be of any size.

    Raises
    ------
    InputError
        ClickHouse refuses the query, or a column is none of the contract's.
    """
    with tempfile.TemporaryFile() as file:
        try:
            _spool(store, sql, parameters, file)
        except QueryError as error:
            raise InputError(str(error)) from error
        file.seek(0)
        yield (_event(json.loads(line)) for line in file)


def _spool(store: ClickHouse, sql: str, parameters: dict[str, str], file: BinaryIO) -> None:
    settings = {
        "date_time_output_format": "iso",
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_quote_decimals": 0,
        "output_format_json_named_tuples_as_objects": 1,
    }
    file.writelines(store.stream(sql.strip().rstrip(";"), "JSONEachRow", parameters, settings))


def _event(row: dict[str, Any]) -> bytes:
    if unknown := sorted(row.keys() - set(_ENVELOPE) - set(_DATA)):
        raise InputError(
            f"columns {', '.join(unknown)} are no fields of the contract; there are {', '.join(_ENVELOPE + _DATA)}"
        )
    event = {name: _text(row[name]) for name in _ENVELOPE if row.get(name) not in (None, "")}
    data = {name: row[name] for name in _DATA if row.get(name) not in (None, "", {})}
    if isinstance(data.get("handles"), dict):
        data["handles"] = {
            kind: [_text(item) for item in value] if isinstance(value, list) else _text(value)
            for kind, value in data["handles"].items()
            if value not in (None, "", [])
        }
    return json.dumps(event | {"data": data}, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
