"""Reads a form with a file (multipart/form-data, RFC 7578), in memory alone, and the table in a CSV file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

from starlette.requests import Request

from streams.http.request import body_of
from streams.page.scope import ScopeError

__all__ = ["MOST_BYTES", "MOST_LINES", "Table", "table_of", "uploaded"]

MOST_BYTES = 20_000_000
MOST_LINES = 200_000
_MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """A table of texts: its headings, and lines of as many cells."""

    headings: Sequence[str]
    lines: Sequence[Sequence[str]]


async def uploaded(request: Request) -> dict[str, bytes]:
    """Return the fields of a form, files by their contents. Raises ScopeError where it is too large, or no such form."""
    body = await body_of(request, MOST_BYTES)
    if body is None:
        raise ScopeError(f"the file has more than {MOST_BYTES // 1_000_000} MB")
    kind = request.headers.get("content-type", "").encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
    if message.get_content_type() != "multipart/form-data" or not message.is_multipart():
        raise ScopeError("the body is no form with a file")
    found: dict[str, bytes] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content
    return found


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
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error:
        raise ScopeError("the file is no CSV") from None
    if len(rows) < 2 or len(rows[0]) > _MOST_COLUMNS:  # noqa: PLR2004 - headings and a line
        raise ScopeError("the file needs a line of headings, and lines under it")
    if len(rows) > MOST_LINES + 1:
        raise ScopeError(f"the file has more than {MOST_LINES:,} lines: send it in parts")
    width = len(rows[0])
    return Table(rows[0], [(row + [""] * width)[:width] for row in rows[1:]])
