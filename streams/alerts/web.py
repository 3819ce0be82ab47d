"""Alerts over HTTP: routes for whoever serves a port, such as the collector, behind a credential of its choosing."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from streams.alerts import answers
from streams.alerts.answers import AlertError
from streams.alerts.ledger import Ledger
from streams.alerts.links import NO_LINKS, Links
from streams.clock import Clock
from streams.incoming import body_of

__all__ = ["Allowed", "Run", "UnavailableError", "routes"]

Allowed = Callable[[Request], str | None]
"""Returns who asks, for the ledger; None for whoever may not."""
Run = Callable[[Callable[[Ledger], Any]], Awaitable[Any]]
"""Runs a function on the ledger in the thread that owns the store; raises UnavailableError."""

_Work = Callable[[Request, str, Mapping[str, Any]], Callable[[Ledger], Any]]


class UnavailableError(RuntimeError):
    """The store does not answer just now; the message says no more than people may know."""


_MOST_BYTES = 10_000
_SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_BAD, _NOBODY, _FOREIGN, _UNKNOWN, _AWAY = 400, 401, 403, 404, 503
_MINUTES = 129_600  # ninety days


def routes(
    run: Run, allowed: Allowed, clock: Clock, prefix: str = "/v1/alerts", links: Links = NO_LINKS
) -> list[BaseRoute]:
    """Return the routes: GET list and show, POST ack and silence. Every one asks `allowed` first.

    ========================  ======================================================================
    GET  {prefix}             open alerts; ``?all=1`` resolved ones too, ``?brand=B`` of one brand
    GET  {prefix}/ID          one, with its reason and changes
    GET  {prefix}/ID/N.png    the picture of change N; also for whoever has its address, by the key in it
    POST {prefix}/ID/ack      takes it on; ``{"by": "ada"}``
    POST {prefix}/silences    ``{"minutes": 60, "brand": "", "direction": "", "value": "", "rule": "", "by": ""}``
    ========================  ======================================================================

    A POST that a browser sends for another site's page is refused (CSRF).
    """

    def listed(request: Request, _: str, __: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        brand, everything = request.query_params.get("brand", ""), request.query_params.get("all") == "1"
        return lambda ledger: answers.listed(ledger, brand, resolved=everything)

    def shown(request: Request, _: str, __: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        return lambda ledger: answers.shown(ledger, request.path_params["alert"])

    def ack(request: Request, who: str, body: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        by = _texts(body, {"by"}).get("by") or who
        return lambda ledger: answers.ack(ledger, request.path_params["alert"], by, clock())

    def silence(_: Request, who: str, body: Mapping[str, Any]) -> Callable[[Ledger], Any]:
        span, scope = _silencing(body)
        by = scope.pop("by", "") or who
        return lambda ledger: answers.silence(ledger, by, clock(), span=span, **scope)

    made: list[tuple[str, str, _Work]] = [
        (prefix, "GET", listed),
        (f"{prefix}/silences", "POST", silence),
        (f"{prefix}/{{alert}}", "GET", shown),
        (f"{prefix}/{{alert}}/ack", "POST", ack),
    ]
    return [
        *(
            Route(path, _endpoint(run, allowed, method, work), methods=[method])
            for path, method, work in made
        ),
        Route(f"{prefix}/{{alert}}/{{sequence:int}}.png", _pictured(run, allowed, links), methods=["GET"]),
    ]


def _pictured(run: Run, allowed: Allowed, links: Links) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        alert, sequence = request.path_params["alert"], request.path_params["sequence"]
        if not links.opens(request.query_params.get("key", ""), alert, sequence) and allowed(request) is None:
            return _said(_NOBODY, {"error": "a credential for alerts is needed"})
        try:
            png = await run(lambda ledger: answers.pictured(ledger, alert, sequence))
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
        who = allowed(request)
        if who is None:
            return _said(_NOBODY, {"error": "a credential for alerts is needed"})
        if method == "POST" and _is_foreign(request):
            return _said(_FOREIGN, {"error": "a change must not come from another site's page"})
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


def _texts(body: Mapping[str, Any], known: Collection[str]) -> dict[str, str]:
    """Return the texts of a body; raises AlertError naming what is none, or is not known."""
    if unknown := body.keys() - set(known):
        raise AlertError(f"{min(unknown)}: unknown; there are {', '.join(sorted(known))}")
    if wrong := [key for key, value in body.items() if not isinstance(value, str)]:
        raise AlertError(f"{min(wrong)}: must be a text")
    return dict(body)


def _is_foreign(request: Request) -> bool:
    """Whether a browser sends it for a page of elsewhere; what is no browser says neither."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "none")
    return site not in {"none", "same-origin"} or (
        origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    )


async def _body(request: Request) -> Mapping[str, Any]:
    data = await body_of(request, _MOST_BYTES)
    if data is None:
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
