"""Defines the routes of the SQL endpoint: a statement is answered in ClickHouse's protocol, or refused with its code."""

import asyncio
import base64
import hmac
import json
import logging
import re
import uuid
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from streams.http.cross_site import ANY_NAME, LOOPBACK, CrossSiteFilter, Door, Names
from streams.http.problems import place_of
from streams.http.request import body_of
from streams.read_only.judge import RefusedError
from streams.read_only.refusals import RefusedSettingError, code_of, tidied, worded
from streams.sql import hello, native
from streams.sql.disconnects import GoneError, Sending, unless_gone
from streams.sql.reader import OverloadedError, QueryResult, Reader, StuckError
from streams.sql.request import BadRequestError, SqlRequest, compressed, in_blocks, read
from streams.store.clickhouse import QueryError

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
# ClickHouse's code to the status that its server gives; what is not the statement's own fault is 500, and the rest is 400.
_STATUS = {46: 404, 47: 404, 60: 404, 81: 404, 159: 408} | dict.fromkeys(
    (49, 74, 75, 76, 173, 210, 241, 243, 1000, 1001, 1002), 500
)
_FAILED: Final = code_of("UNKNOWN_EXCEPTION")
_REFUSALS: dict[type[Exception], tuple[int, int]] = {
    RefusedError: (code_of("READONLY"), 403),
    BadRequestError: (code_of("BAD_ARGUMENTS"), 400),
    StuckError: (code_of("TIMEOUT_EXCEEDED"), 408),
    OverloadedError: (code_of("TOO_MANY_SIMULTANEOUS_QUERIES"), 503),
}
_MORE = {401: {"www-authenticate": 'Basic realm="journey"'}, 503: {"retry-after": "5"}}
_GONE = 499  # as proxies have it
_log = logging.getLogger(__name__)


def application(reader: Reader, *, database: str, token: str, names: Names | None = None) -> Starlette:
    """Return the ASGI application.

    Parameters
    ----------
    database
        Name under which clients may ask for the reader's tables, besides none and ``default``.
    token
        Password that every statement needs; "" for none.
    names
        By which it is asked, so that no page of the web can ask through a name of its own; without a token loopback's
        unless they are given. No browser is answered.
    """
    names = names or (ANY_NAME if token else LOOPBACK)
    sending = Sending()

    async def answered(request: Request) -> Response:
        if not _admitted(request, token):
            code = code_of("AUTHENTICATION_FAILED")
            return _refused(code, "the password must be JOURNEY_SQL_TOKEN", 401)
        try:
            return await answer(request)
        except Exception as error:
            if (refused := _refusal(error, packed=in_blocks(request.query_params))) is None:
                raise
            return refused

    async def answer(request: Request) -> Response:
        asked = await asyncio.to_thread(read, request.query_params, request.headers, await _body(request))
        if not asked.sql:
            return PlainTextResponse("Ok.\n")
        _check_database(request, database)
        if asked.protocol and asked.sql.strip() == hello.QUESTION:
            block = hello.first_block(asked.protocol, reader.version, reader.timezone)
            return await _response(
                asked, QueryResult(block, "Native", rows=1, elapsed_ns=0), reader.timezone, sending
            )
        sql = hello.of_settings(asked.sql, reader.sent)
        found = await unless_gone(request, reader.run(sql, asked.parameters, asked.format, asked.settings))
        return await _response(asked, found, reader.timezone, sending)

    async def ping(_: Request) -> Response:
        return PlainTextResponse("Ok.\n", headers=_SAFE)

    return Starlette(
        routes=[
            Route("/", answered, methods=["GET", "POST", "HEAD"]),
            Route("/ping", ping),
            Route("/replicas_status", ping),
        ],
        middleware=[Middleware(CrossSiteFilter, names, lambda *_: Door.PROGRAMS)],
        exception_handlers={Exception: _broken},
    )


def _admitted(request: Request, token: str) -> bool:
    if not token:
        return True
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


async def _response(asked: SqlRequest, found: QueryResult, timezone: str, sending: Sending) -> Response:
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
    return sending.response(await asyncio.to_thread(compressed, found.body, asked), headers)


def _failed(message: str, *, packed: bool) -> Response:
    """Answer with ClickHouse's error; the code is its own."""
    message = tidied(message)
    found = re.match(r"Code: (\d+)", message)
    code = int(found[1]) if found else _FAILED
    text = message if found else worded(code, message)
    return _said(code, text, _STATUS.get(code, 400), packed=packed)


def _refusal(error: Exception, *, packed: bool) -> Response | None:
    """Return the answer to a query that was refused; None for an unexpected error."""
    if isinstance(error, QueryError):
        return _failed(str(error), packed=packed)
    if isinstance(error, RefusedSettingError):
        status = 403 if error.code == code_of("READONLY") else 400
        return _refused(error.code, str(error), status, packed=packed)
    if isinstance(error, GoneError):
        return Response(status_code=_GONE)  # for the server, which has nobody to send it to
    if type(error) not in _REFUSALS:
        return None
    code, status = _REFUSALS[type(error)]
    return _refused(code, str(error), status, packed=packed)


async def _broken(_: Request, error: Exception) -> Response:
    """Say nothing of what went wrong: it is in the log."""
    _log.error("a query could not be answered: %s", place_of(error))
    return _refused(_FAILED, "the query could not be answered", 500)


def _refused(code: int, why: str, status: int, *, packed: bool = False) -> Response:
    return _said(code, worded(code, why), status, packed=packed)


def _said(code: int, text: str, status: int, *, packed: bool) -> Response:
    """Answer with an error; as of a server, it is packed like the answer, but for those of access."""
    body = f"{text}\n".encode()
    if packed and status not in {401, 403}:
        body = native.packed(body)
    more = _MORE.get(status, {})
    return PlainTextResponse(
        body, status, headers={**_SAFE, **more, "x-clickhouse-exception-code": str(code)}
    )
