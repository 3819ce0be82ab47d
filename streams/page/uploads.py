"""Reads a form with a file (multipart/form-data, RFC 7578), in memory alone, and the table in a CSV file."""

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import HTTP
from itertools import islice

from starlette.requests import Request

from streams.http.request import body_of
from streams.page.scope import ScopeError

__all__ = ["MOST_BYTES", "MOST_LINES", "Table", "table_of", "uploaded"]

MOST_BYTES = 1_900_000  # the ports take 2 MB
MOST_LINES = 200_000
_MOST_COLUMNS = 200
_MOST_FIELDS, _HEAD_BYTES = 32, 4_096


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """A table of texts: its headings, and lines of at most as many cells."""

    headings: Sequence[str]
    lines: Sequence[Sequence[str]]


async def uploaded(request: Request) -> dict[str, bytes]:
    """Return the fields of a form, files by their contents. Raises ScopeError where it is too large, or no such form."""
    body = await body_of(request, MOST_BYTES)
    if body is None:
        raise ScopeError(f"the file has more than {MOST_BYTES / 1_000_000} MB: send it in parts")
    kind = request.headers.get("content-type", "").encode("latin-1")
    return await asyncio.to_thread(_fields, kind, body)


def _fields(kind: bytes, body: bytes) -> dict[str, bytes]:
    """Return the fields of a form by their names. Parts within parts are none: a form has no such."""
    head = _headers(b"Content-Type: " + kind)
    boundary = head.get_boundary()
    if head.get_content_type() != "multipart/form-data" or not boundary:
        raise ScopeError("the body is no form with a file")
    found: dict[str, bytes] = {}
    for piece in (b"\r\n" + body).split(
        b"\r\n--" + boundary.encode("utf-8", "surrogateescape"), _MOST_FIELDS
    )[1:]:
        if piece.startswith(b"--"):
            break
        top, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _headers(top[:_HEAD_BYTES]).get_param("name", header="content-disposition")
        if isinstance(name, str):
            found[name] = content
    return found


def _headers(text: bytes) -> Message:
    return BytesHeaderParser(policy=HTTP).parsebytes(text + b"\r\n\r\n")


def table_of(content: bytes) -> Table:
    """Return the table of a CSV file, whose cells end with commas, semicolons or tabs; the first line has the headings.

    Raises
    ------
    ScopeError
        There is no line under the headings, there are too many, or it is no CSV; nothing of the file is in the message.
    """
    try:
        text = content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")  # as spreadsheets on Windows write
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        read = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row))
        rows = list(islice(read, MOST_LINES + 2))
    except csv.Error:
        raise ScopeError("the file is no CSV") from None
    if len(rows) < 2 or len(rows[0]) > _MOST_COLUMNS:  # noqa: PLR2004 - headings and a line
        raise ScopeError("the file needs a line of headings, and lines under it")
    if len(rows) > MOST_LINES + 1:
        raise ScopeError(f"the file has more than {MOST_LINES:,} lines: send it in parts")
    width = len(rows[0])
    return Table(rows[0], [row[:width] for row in rows[1:]])
