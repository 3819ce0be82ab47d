"""Defines the collector's HTTP routes: events, adapters, preflights of browsers, documentation, health."""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from streams.collector import cloudevents_http
from streams.collector.adapters import Adapter
from streams.collector.docs_page import docs_html
from streams.collector.openapi import openapi_text
from streams.collector.requests import CORS, RequestHandler
from streams.http.cross_site import ANY_NAME, CrossSiteFilter, Door, Names
from streams.http.problems import Problem, place_of
from streams.http.request import asks_here
from streams.telemetry.health import Answer

__all__ = ["HealthRoutes", "application", "doors"]

_METHODS = ["GET", "POST", "PUT"]  # of adapters: some providers ask before they send
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, PUT",
    "access-control-max-age": "600",
    "cache-control": "no-store",
}
_HEADERS = {"authorization", "content-type", "content-encoding", "x-write-key"}
_SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_LINKED = re.compile(r"/|/docs|/view/[^/]+")
_PICTURE = re.compile(r"/v1/alerts/[^/]+/[^/]+\.png")  # by a key of its own, which its route asks for
_log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class HealthRoutes:
    """The answers of /health and /ready."""

    health: Callable[[], Answer]
    ready: Callable[[], Answer]


def application(
    intake: RequestHandler,
    watched: HealthRoutes,
    adapters: Sequence[Adapter] = (),
    routes: Sequence[BaseRoute] = (),
    names: Names = ANY_NAME,
) -> Starlette:
    """Return the ASGI application.

    Parameters
    ----------
    adapters
        Other protocols, each at its own routes.
    routes
        Whatever else is served at the same port, such as a page; they come last.
    names
        By which all but those who bring events ask.
    """
    keyed = [
        _events(cloudevents_http.PATH, intake, None),
        *(_events(path, intake, adapter) for adapter in adapters for path in adapter.routes),
    ]
    own = [
        *keyed,
        Route("/openapi.json", _always(openapi_text().encode(), "application/json")),
        Route("/docs", _docs),
        Route("/health", _asked(watched.health)),
        Route("/ready", _asked(watched.ready)),
    ]
    handlers = {HTTPException: _not_here, Exception: _failed}
    judged = Middleware(CrossSiteFilter, names, doors([route.path_regex for route in keyed]))
    return Starlette(routes=[*own, *routes], middleware=[judged], exception_handlers=handlers)  # type: ignore[arg-type]


def doors(keyed: Sequence[re.Pattern[str]] = ()) -> Callable[[str, str], Door]:
    """Return the function that gives the access rule of a method and path of the collector's port.

    Parameters
    ----------
    keyed
        Paths of those who bring events.
    """

    def door_of(method: str, path: str) -> Door:
        if any(pattern.match(path) for pattern in keyed):
            return Door.KEYED
        if method == "GET" and _PICTURE.fullmatch(path):
            return Door.SHARED
        return Door.LINKED if _LINKED.fullmatch(path) else Door.OWN

    return door_of


def _events(path: str, intake: RequestHandler, adapter: Adapter | None) -> Route:
    async def endpoint(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _preflight(request, intake)
        return await intake.take(request, adapter)

    return Route(path, endpoint, methods=[*(["POST"] if adapter is None else _METHODS), "OPTIONS"])


def _preflight(request: Request, intake: RequestHandler) -> Response:
    """Say what a page may send: the browser asks before it shows the write key."""
    asked = request.headers.get("access-control-request-headers", "").lower().split(",")
    names = {name.strip() for name in asked}
    allowed = sorted(_HEADERS | {name for name in names if name.startswith("ce-") and _is_name(name)})
    origin = request.headers.get("origin", "")
    headers = _PREFLIGHT | intake.allowed(origin) | {"access-control-allow-headers": ", ".join(allowed)}
    return Response(status_code=204, headers=headers)


def _is_name(name: str) -> bool:
    return len(name) <= 64 and name.isascii() and name.replace("-", "").isalnum()  # noqa: PLR2004 - no header of ours is longer


def _always(body: bytes, content_type: str) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        return Response(body, media_type=content_type, headers={"x-content-type-options": "nosniff"})

    return endpoint


def _asked(ask: Callable[[], Answer]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        answer = ask()
        code = int(answer.code)
        if asks_here(request):
            return Response(answer.body, code, media_type="application/json", headers=_SAFE)
        body = (
            b'{"status":"ok"}' if code == HTTPStatus.OK else b'{"status":"not ok"}'
        )  # why, is for operators
        return Response(body, code, media_type="application/json", headers=_SAFE)

    return endpoint


async def _docs(_: Request) -> Response:
    return HTMLResponse(docs_html(), headers=_SAFE | {"content-security-policy": _CSP})


async def _not_here(_: Request, error: HTTPException) -> Response:
    code = "method" if error.status_code == 405 else "not_found"  # noqa: PLR2004 - a status
    problem = Problem(code, "GET /openapi.json says what there is")
    return Response(problem.body, int(problem.status), {**problem.headers, **(error.headers or {}), **CORS})


async def _failed(_: Request, error: Exception) -> Response:
    """Say nothing of what went wrong: it is in the log."""
    _log.error("a request could not be answered: %s", place_of(error))
    return Response(
        b'{"type":"about:blank","title":"Internal Server Error","status":500}',
        500,
        media_type="application/problem+json",
    )
