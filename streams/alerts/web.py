"""Alerts over HTTP: routes for whoever serves a port, such as the collector, behind a credential of its choosing."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from streams.alerts import answers
from streams.alerts.answers import AlertError
from streams.alerts.ledger import Ledger
from streams.clock import Clock

__all__ = ["Allowed", "Run", "routes"]

Allowed = Callable[[Request], str | None]
"""Returns who asks, for the ledger; None for whoever may not."""
Run = Callable[[Callable[[Ledger], Any]], Awaitable[Any]]
"""Runs a function on the ledger in the thread that owns the store."""

_MOST_BYTES = 10_000
_SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_BAD, _FORBIDDEN, _UNKNOWN = 400, 401, 404
_MINUTES = 129_600  # ninety days


def routes(run: Run, allowed: Allowed, clock: Clock, prefix: str = "/v1/alerts") -> list[BaseRoute]:
    """Return the routes: GET list and show, POST ack and silence. Every one asks `allowed` first.

    ========================  ======================================================================
    GET  {prefix}             open alerts; ``?all=1`` resolved ones too, ``?brand=B`` of one brand
    GET  {prefix}/ID          one, with its reason and changes
    POST {prefix}/ID/ack      takes it on
    POST {prefix}/silences    ``{"minutes": 60, "brand": "", "direction": "", "value": "", "rule": ""}``
    ========================  ======================================================================
    """

    def route(path: str, method: str, work: Callable[[Request, str, Mapping[str, Any]], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            who = allowed(request)
            if who is None:
                return _said(_FORBIDDEN, {"error": "a credential for alerts is needed"})
            try:
                body = await _body(request) if method == "POST" else {}
                return _said(200, await run(work(request, who, body)))
            except AlertError as error:
                return _said(_UNKNOWN if "alerts have an id" in str(error) else _BAD, {"error": str(error)})

        return Route(path, endpoint, methods=[method])

    def listed(request: Request, _: str, __: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        brand, everything = request.query_params.get("brand", ""), request.query_params.get("all") == "1"
        return lambda ledger: answers.listed(ledger, brand, resolved=everything)

    def shown(request: Request, _: str, __: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        return lambda ledger: answers.shown(ledger, request.path_params["alert"])

    def ack(request: Request, who: str, _: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        return lambda ledger: answers.ack(ledger, request.path_params["alert"], who, clock())

    def silence(_: Request, who: str, body: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        span, scope = _silencing(body)
        return lambda ledger: answers.silence(ledger, who, clock(), span=span, **scope)

    return [
        route(prefix, "GET", listed),
        route(f"{prefix}/silences", "POST", silence),
        route(f"{prefix}/{{alert}}", "GET", shown),
        route(f"{prefix}/{{alert}}/ack", "POST", ack),
    ]


def _silencing(body: Mapping[str, Any]) -> tuple[timedelta, dict[str, str]]:
    """Return for how long, and what; raises AlertError naming the key."""
    minutes = body.get("minutes")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 0 < minutes <= _MINUTES:
        raise AlertError(f"minutes: must be a whole number from 1 to {_MINUTES}")
    scope = {key: body.get(key, "") for key in ("brand", "direction", "value", "rule")}
    if unknown := body.keys() - scope.keys() - {"minutes"}:
        raise AlertError(f"{min(unknown)}: unknown; there are minutes, brand, direction, value and rule")
    if wrong := [key for key, value in scope.items() if not isinstance(value, str)]:
        raise AlertError(f"{wrong[0]}: must be a text")
    return timedelta(minutes=minutes), scope


async def _body(request: Request) -> Mapping[str, Any]:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MOST_BYTES:
            raise AlertError(f"the body has more than {_MOST_BYTES} bytes")
    try:
        body = json.loads(data or b"{}")
    except (ValueError, RecursionError) as error:
        raise AlertError("the body is no JSON") from error
    if not isinstance(body, dict):
        raise AlertError("the body is no JSON object")
    return body


def _said(status: int, value: Any) -> JSONResponse:
    return JSONResponse(value, status, headers=_SAFE)
