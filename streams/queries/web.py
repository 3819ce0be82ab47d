"""The endpoint's routes: a statement is answered in ClickHouse's HTTP protocol, or refused with its code."""

import base64
import hmac
import json
import logging
import re
import uuid
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from streams.collector.problems import place_of
from streams.incoming import body_of, names_this_machine
from streams.queries import blocks, hello
from streams.queries.asking import Asked, BadRequestError, compressed, in_blocks, read
from streams.queries.guard import RefusedError
from streams.queries.reader import BusyReaderError, Found, Reader
from streams.store import QueryError

__all__ = ["application"]

_MOST_BYTES = 1_000_000  # of a body, as it comes
_SAFE: Final = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_TYPES = {
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Pretty": "text/plain; charset=UTF-8",
}
# ClickHouse's code to the status that its server gives.
_STATUS = {62: 400, 27: 400, 36: 400, 456: 400, 457: 400, 46: 404, 47: 404, 60: 404, 81: 404, 159: 408}
_AUTHENTICATION, _FAILED = 516, 1002
_REFUSALS: dict[type[Exception], tuple[int, int]] = {
    RefusedError: (164, 403),  # READONLY
    BadRequestError: (36, 400),  # BAD_ARGUMENTS
    BusyReaderError: (202, 503),  # TOO_MANY_SIMULTANEOUS_QUERIES
}
_log = logging.getLogger(__name__)


def application(reader: Reader, *, database: str, token: str) -> Starlette:
    """Return the ASGI application.

    Parameters
    ----------
    database
        Name under which clients may ask for the reader's tables, besides none and ``default``.
    token
        Password that every statement needs; "" for none: then only requests that name this machine as their host are
        answered, so that no page of the web can ask through a name of its own.
    """

    async def answered(request: Request) -> Response:
        if not _admitted(request, token):
            return _refused(_AUTHENTICATION, "the password must be JOURNEY_SQL_TOKEN", 401 if token else 403)
        try:
            asked = read(request.query_params, request.headers, await _body(request))
            if not asked.sql:
                return PlainTextResponse("Ok.\n")
            _check_database(request, database)
            if asked.protocol and asked.sql.strip() == hello.QUESTION:
                block = hello.told(asked.protocol, reader.version, reader.timezone)
                return _told(asked, Found(block, "Native", rows=1, elapsed_ns=0), reader.timezone)
            found = await reader.run(asked.sql, asked.parameters, asked.format)
            return _told(asked, found, reader.timezone)
        except QueryError as error:
            return _failed(str(error), packed=in_blocks(request.query_params))
        except tuple(_REFUSALS) as error:
            code, status = _REFUSALS[type(error)]
            return _refused(code, str(error), status, packed=in_blocks(request.query_params))

    async def ping(_: Request) -> Response:
        return PlainTextResponse("Ok.\n", headers=_SAFE)

    return Starlette(
        routes=[
            Route("/", answered, methods=["GET", "POST", "HEAD"]),
            Route("/ping", ping),
            Route("/replicas_status", ping),
        ],
        exception_handlers={Exception: _broken},
    )


def _admitted(request: Request, token: str) -> bool:
    if not token:
        return names_this_machine(request) and "origin" not in request.headers
    return hmac.compare_digest(_password(request).encode(), token.encode())


def _password(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[2]
        except ValueError:
            return ""
    if kind.lower() == "bearer":
        return value
    return request.headers.get("x-clickhouse-key") or request.query_params.get("password", "")


def _check_database(request: Request, ours: str) -> None:
    name = request.headers.get("x-clickhouse-database") or request.query_params.get("database", "")
    if name not in {"", "default", ours}:
        raise BadRequestError(f"there is no database {name!r}: use {ours}")


async def _body(request: Request) -> bytes:
    body = await body_of(request, _MOST_BYTES)
    if body is None:
        raise BadRequestError(f"a body has at most {_MOST_BYTES:,} bytes")
    return body


def _told(asked: Asked, found: Found, timezone: str) -> Response:
    headers = {
        **_SAFE,
        "content-type": _TYPES.get(found.format, "application/octet-stream"),
        "x-clickhouse-format": found.format,
        "x-clickhouse-query-id": str(uuid.uuid4()),
        "x-clickhouse-server-display-name": "journey",
        "x-clickhouse-timezone": timezone,
        "x-clickhouse-summary": json.dumps(
            {
                "result_rows": str(found.rows),
                "result_bytes": str(len(found.body)),
                "elapsed_ns": str(found.elapsed_ns),
            }
        ),
    }
    if asked.encoding:
        headers["content-encoding"] = asked.encoding
    return Response(compressed(found.body, asked), headers=headers)


def _failed(message: str, *, packed: bool) -> Response:
    """Answer with what ClickHouse said; the code is its own."""
    found = re.match(r"Code: (\d+)", message)
    code = int(found[1]) if found else _FAILED
    text = message if found else f"Code: {code}. DB::Exception: {message}"
    return _said(code, text, _STATUS.get(code, 500), packed=packed)


async def _broken(_: Request, error: Exception) -> Response:
    """Say nothing of what went wrong: it is in the log."""
    _log.error("a query could not be answered: %s", place_of(error))
    return _refused(_FAILED, "the query could not be answered", 500)


def _refused(code: int, why: str, status: int, *, packed: bool = False) -> Response:
    return _said(code, f"Code: {code}. DB::Exception: {why}", status, packed=packed)


def _said(code: int, text: str, status: int, *, packed: bool) -> Response:
    """Answer with an error; as of a server, it is packed like the answer, but for those of access."""
    body = f"{text}\n".encode()
    if packed and status not in {401, 403}:
        body = blocks.packed(body)
    more = {"www-authenticate": 'Basic realm="journey"'} if status == 401 else {}  # noqa: PLR2004 - a status
    return PlainTextResponse(
        body, status, headers={**_SAFE, **more, "x-clickhouse-exception-code": str(code)}
    )
