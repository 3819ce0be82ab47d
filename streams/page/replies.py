"""Renders what the page answers beside its views: messages, and why something cannot be shown."""

import logging

from starlette.responses import Response

from streams.collector.write_keys import KeysLostError
from streams.edge.readable import ReadableError
from streams.http.guard import SAFE
from streams.page import render
from streams.page.scope import ScopeError
from streams.store.clickhouse import QueryError
from streams.store.connections import OverloadedError, StuckError
from streams.store.port import StoreError

__all__ = ["FAILURES", "HTML", "failure", "html", "message", "why"]

HTML = "text/html; charset=utf-8"
FAILURES = (QueryError, StoreError, OverloadedError, StuckError, ScopeError, KeysLostError, ReadableError)
"""What a route answers in words."""
_log = logging.getLogger(__name__)


def why(error: Exception) -> str:
    """Return the message of a failure for people: their own mistakes in full, the store's without internals."""
    if isinstance(error, ValueError | OverloadedError | KeysLostError | ReadableError):
        return f"{error}."
    _log.warning("the page could not ask the store: %s", error)
    if isinstance(error, StuckError) or (isinstance(error, QueryError) and "TIMEOUT_EXCEEDED" in str(error)):
        return "This takes longer than the page may: choose a shorter period."
    return "The store does not answer this; the log says why."


def failure(error: Exception) -> Response:
    """Return the page that says why something cannot be shown."""
    return message("This cannot be shown", why(error), 400 if isinstance(error, ValueError) else 503)


def html(text: str, status: int = 200) -> Response:
    """Return a page."""
    return Response(text, status, media_type=HTML, headers=SAFE)


def message(title: str, text: str, status: int) -> Response:
    """Return a page that says one thing."""
    return html(render.message(title, text, {"To the journeys": "/"}), status)
