"""Defines the HTTP routes of alerts (list, show, ack, silence), to be mounted on any port behind its own credential."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from streams.alerts import actions
from streams.alerts.actions import AlertError
from streams.alerts.ledger import Ledger
from streams.alerts.urls import NO_LINKS, AlertUrls
from streams.clock import Clock
from streams.http.cross_site import Door, why_refused
from streams.http.request import body_of
from streams.text.digits import whole_number

__all__ = ["UNNAMED", "Allowed", "Run", "UnavailableError", "routes"]

UNNAMED = "http"
"""What `Allowed` calls whoever asks and did not sign in by name."""

Allowed = Callable[[Request], str | None]
"""Returns who asks, for the ledger; None for clients that may not."""
Run = Callable[[Callable[[Ledger], Any]], Awaitable[Any]]
"""Runs a function on the ledger in the thread that owns the store; raises UnavailableError."""

_Work = Callable[[Request, str, Mapping[str, Any]], Callable[[Ledger], Any]]


class UnavailableError(RuntimeError):
    """An error of a store that does not answer now; the message says no more than users may know."""


_MOST_BYTES = 10_000
_SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_BAD, _NOBODY, _FOREIGN, _UNKNOWN, _AWAY = 400, 401, 403, 404, 503
_MINUTES = 129_600  # ninety days


def routes(
    run: Run, allowed: Allowed, clock: Clock, prefix: str = "/v1/alerts", links: AlertUrls = NO_LINKS
) -> list[BaseRoute]:
    """Return the routes: GET list and show, POST ack and silence. Every one asks `allowed` first.

    ==========================  ====================================================================
    GET  {prefix}               open alerts; ``?all=1`` resolved ones too, ``?brand=B`` of one brand
    GET  {prefix}/ID            one, with its reason and changes
    GET  {prefix}/ID/N.png      the picture of change N; also for anybody who has its address, by the key in it
    POST {prefix}/ID/ack        takes it on; ``{"by": "ada"}``
    GET  {prefix}/silences      those that last now
    POST {prefix}/silences/end  ends them before their time; ``{"brand": ""}``, with direction, value, rule; all without
    POST {prefix}/silences      ``{"minutes": 60, "brand": "", "direction": "", "value": "", "rule": "", "by": ""}``
    ==========================  ====================================================================

    What a browser sends for another site's page is refused (CSRF), but for a picture by its key: mail shows those.
    """

    def listed(request: Request, _: str, __: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        brand, everything = request.query_params.get("brand", ""), request.query_params.get("all") == "1"
        return lambda ledger: actions.listed(ledger, brand, resolved=everything)

    def shown(request: Request, _: str, __: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        return lambda ledger: actions.shown(ledger, request.path_params["alert"])

    def ack(request: Request, who: str, body: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        by = _by(who, _texts(body, {"by"}).get("by", ""))
        return lambda ledger: actions.ack(ledger, request.path_params["alert"], by, clock())

    def silence(_: Request, who: str, body: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        span, scope = _silencing(body)
        by = _by(who, scope.pop("by", ""))
        return lambda ledger: actions.silence(ledger, by, clock(), span=span, **scope)

    def silences(_: Request, __: str, ___: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        return lambda ledger: actions.silences(ledger, clock())

    def unsilence(_: Request, __: str, body: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        scope = _texts(body, {"brand", "direction", "value", "rule"})
        return lambda ledger: {"ended": actions.unsilence(ledger, clock(), **scope)}

    made: list[tuple[str, str, _Work]] = [
        (prefix, "GET", listed),
        (f"{prefix}/silences", "GET", silences),
        (f"{prefix}/silences/end", "POST", unsilence),
        (f"{prefix}/silences", "POST", silence),
        (f"{prefix}/{{alert}}", "GET", shown),
        (f"{prefix}/{{alert}}/ack", "POST", ack),
    ]
    return [
        *(
            Route(path, _endpoint(run, allowed, method, work), methods=[method])
            for path, method, work in made
        ),
        Route(f"{prefix}/{{alert}}/{{sequence}}.png", _pictured(run, allowed, links), methods=["GET"]),
    ]


def _pictured(run: Run, allowed: Allowed, links: AlertUrls) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        alert, sequence = request.path_params["alert"], whole_number(request.path_params["sequence"])
        if not sequence:
            return _said(_UNKNOWN, {"error": "changes of an alert have whole numbers, from 1"})
        if not links.opens(request.query_params.get("key", ""), alert, sequence):
            if why := why_refused(request.method, request.headers, Door.OWN):
                return _said(_FOREIGN, {"error": why})
            if allowed(request) is None:
                return _said(_NOBODY, {"error": "a credential for alerts is needed"})
        try:
            png = await run(lambda ledger: actions.pictured(ledger, alert, sequence))
        except AlertError as error:
            return _said(_UNKNOWN, {"error": str(error)})
        except UnavailableError:
            return _said(_AWAY, {"error": "the store does not answer: try again"})
        return Response(png, media_type="image/png", headers=_SAFE)

    return endpoint


def _endpoint(
    run: Run, allowed: Allowed, method: str, work: _Work
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if why := why_refused(request.method, request.headers, Door.OWN):
            return _said(_FOREIGN, {"error": why})
        who = allowed(request)
        if who is None:
            return _said(_NOBODY, {"error": "a credential for alerts is needed"})
        try:
            body = await _body(request) if method == "POST" else {}
            return _said(200, await run(work(request, who, body)))
        except AlertError as error:
            return _said(_UNKNOWN if "alerts have an id" in str(error) else _BAD, {"error": str(error)})
        except UnavailableError:
            return _said(_AWAY, {"error": "the store does not answer: try again"})

    return endpoint


def _silencing(body: Mapping[str, Any]) -> tuple[timedelta, dict[str, str]]:
    """Return for how long, and what; raises AlertError naming the key."""
    minutes = body.get("minutes")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 0 < minutes <= _MINUTES:
        raise AlertError(f"minutes: must be a whole number from 1 to {_MINUTES}")
    scope = {key: value for key, value in body.items() if key != "minutes"}
    return timedelta(minutes=minutes), _texts(scope, {"brand", "direction", "value", "rule", "by"})


def _by(who: str, given: str) -> str:
    """Return who signed in by name; where nobody did, who the body says it is."""
    return who if who != UNNAMED else given or who


def _texts(body: Mapping[str, Any], known: Collection[str]) -> dict[str, str]:
    """Return the texts of a body; raises AlertError naming what is none, or is not known."""
    if unknown := body.keys() - set(known):
        raise AlertError(f"{min(unknown)}: unknown; there are {', '.join(sorted(known))}")
    if wrong := [key for key, value in body.items() if not isinstance(value, str)]:
        raise AlertError(f"{min(wrong)}: must be a text")
    return dict(body)


async def _body(request: Request) -> Mapping[str, Any]:
    data = await body_of(request, _MOST_BYTES)
    if data is None:
        raise AlertError(f"the body has more than {_MOST_BYTES} bytes")
    try:
        body = json.loads(data.decode() or "{}")
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise AlertError("the body is no JSON in UTF-8") from error
    if not isinstance(body, dict):
        raise AlertError("the body is no JSON object")
    return body


def _said(status: int, value: Any) -> JSONResponse:
    return JSONResponse(value, status, headers=_SAFE)
