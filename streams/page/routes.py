"""Addresses of the page; each asks the guard first, and queries run on the reader's threads."""

import logging
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from streams.clock import Clock, from_us
from streams.connections import BusyError, Connections, Kept, Want
from streams.incoming import body_of
from streams.page import render
from streams.page.answer import MOST_LINES, answer, as_csv, query_of
from streams.page.asking import brands, version
from streams.page.guard import SAFE, Guard
from streams.page.live import Live
from streams.page.packing import PACKED, packed, takes_packed
from streams.page.scope import Brand, Scope, ScopeError, read
from streams.page.static_files import StaticFiles
from streams.page.view import Action, Panel, View
from streams.ports import StoreError
from streams.store import ClickHouse, QueryError

__all__ = ["Page"]

_MOST_BYTES = 10_000  # of a form
_MOST_SAID = 100
_OLDEST_S = 30.0  # of a figure while the tables stay as they are: customers lapse without an event
_STALE_S = (
    120.0  # of a view that is opened: shown at once while the page, being live, asks for the present one
)
_MOST_QUERY = 4_000  # of a URL's query
_HTML = "text/html; charset=utf-8"
_FAILURES = (QueryError, StoreError, BusyError, ScopeError)
_log = logging.getLogger(__name__)


class Page:
    """The page over one store.

    Parameters
    ----------
    reader, watcher
        Connections that only read: for figures, and for looks at whether they changed.
    views
        In the order of the navigation; the first is shown at /.
    writer
        One connection for what people change; None where nothing may be changed.
    """

    def __init__(  # noqa: PLR0913 - of one page
        self,
        reader: Connections,
        watcher: Connections,
        views: Sequence[View],
        guard: Guard,
        clock: Clock,
        *,
        writer: Connections | None = None,
    ) -> None:
        self._reader, self._writer, self._guard, self._clock = reader, writer, guard, clock
        self._views = {view.name: view for view in views}
        self._first = views[0]
        self._static = StaticFiles()
        self._said: OrderedDict[str, str] = OrderedDict()
        self.live = Live(watcher)

    @property
    def routes(self) -> list[BaseRoute]:
        """Routes for whoever serves a port."""
        return [
            Route("/", self._shown),
            Route("/view/{view}", self._shown),
            Route("/view/{view}/{panel}.csv", self._csv),
            Route("/view/{view}/{panel}.sql", self._sql),
            Route("/view/{view}/{action}", self._acted, methods=["POST"]),
            Route("/static/{name}", self._file),
            Route("/events", self._events),
        ]

    async def _shown(self, request: Request) -> Response:
        if (refused := self._guard.refused(request)) is not None:
            return refused
        view = self._views.get(request.path_params.get("view", self._first.name))
        if view is None:
            return _message("There is no such view", "", 404)
        try:
            scope, known, want = await self._scope(request, view)
            panels = view.panels(scope)
        except _FAILURES as error:
            return self._told(error)
        parts = self._parts(request, view, scope, known, want, panels)
        if takes_packed(request):
            return StreamingResponse(packed(parts), media_type=_HTML, headers=SAFE | PACKED)
        return StreamingResponse(parts, media_type=_HTML, headers=SAFE)

    async def _scope(self, request: Request, view: View) -> tuple[Scope, list[Brand], Want]:
        if len(request.url.query) > _MOST_QUERY:
            raise ScopeError(f"the address has more than {_MOST_QUERY} characters")
        query = dict(parse_qsl(request.url.query))
        live, said = query.pop("fragment", None), query.pop("said", None)
        opens = live is None and said is None and "panel" not in request.path_params
        want = await self._want(_STALE_S if opens else 0.0)
        known = (await self._reader.kept("brands", want, brands)).answer
        if not known and opens:  # the first brand is not to be waited for
            want = await self._want(0.0)
            known = (await self._reader.kept("brands", want, brands)).answer
        return read(query, known, view.fields, want.now), known, want

    async def _want(self, stale_s: float) -> Want:
        current = await self.live.version(stale_s)
        return Want(current, self._now(), oldest_s=max(_OLDEST_S, stale_s), stale_s=stale_s)

    def _now(self) -> datetime:
        return from_us(self._clock()).replace(microsecond=0)

    async def _parts(  # noqa: PLR0913, PLR0917 - of one page
        self,
        request: Request,
        view: View,
        scope: Scope,
        known: Sequence[Brand],
        want: Want,
        panels: Sequence[Panel],
    ) -> AsyncIterator[str]:
        """Yield the shell at once, then each panel; only panels, where a live page asks for a fragment."""
        whole = "fragment" not in request.query_params
        if whole:
            said = self._said.pop(request.query_params.get("said", ""), "")
            yield render.top(view, list(self._views.values()), scope, known, said)
        yield '<div id="panels" class="panels">'
        made: list[Kept[str]] = []
        for panel in panels:
            made.append(await self._panel(view, panel, scope, want))
            yield made[-1].answer
        oldest = min(made, key=lambda kept: kept.at)
        yield render.as_of(oldest.at, oldest.version) + "</div>"
        if whole:
            yield render.bottom()

    async def _panel(self, view: View, panel: Panel, scope: Scope, want: Want) -> Kept[str]:
        """Return a panel, asked and drawn on a thread of the reader."""
        if panel.fresh_s is not None:
            want = replace(want, oldest_s=min(want.oldest_s, panel.fresh_s))
        try:
            seen = panel.seen(scope)
            return await self._reader.kept(_key(view, panel, seen), want, partial(_made, view, panel, seen))
        except _FAILURES as error:
            return Kept(want.version, want.now, render.failed(panel, _why(error)))
        except Exception:  # noqa: BLE001 - a figure that cannot be drawn takes none of the others with it
            _log.exception("panel %s of view %s could not be drawn", panel.name, view.name)
            failed = render.failed(panel, "This figure could not be drawn; the log says why.")
            return Kept(want.version, want.now, failed)

    def warm(self) -> None:
        """Draw the first view as it opens, and the others while somebody watches; for a thread of its own."""
        now = self._now()
        found = self._reader.warm("version", Want("", now), version).answer
        want = Want(found, now)
        known = self._reader.warm("brands", want, brands).answer
        listed = [view for view in self._views.values() if view.listed]
        for view in listed if self.live.watched else [self._first]:
            scope = read({}, known, view.fields, now)
            for panel in view.panels(scope):
                seen = panel.seen(scope)
                self._reader.warm(_key(view, panel, seen), want, partial(_made, view, panel, seen))

    async def _csv(self, request: Request) -> Response:
        return await self._download(request, self._lines)

    async def _lines(self, view: View, panel: Panel, scope: Scope) -> Response:
        found = await self._reader.run(partial(answer, panel=panel, scope=scope, most=MOST_LINES))
        if found.more:
            raise ScopeError(f"there are more than {MOST_LINES:,} rows: choose a shorter period")
        name = f"{view.name}-{panel.name}.csv"
        headers = SAFE | {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(
            as_csv(panel, found.rows), media_type="text/csv; charset=utf-8", headers=headers
        )

    async def _sql(self, request: Request) -> Response:
        return await self._download(request, self._query)

    async def _query(self, view: View, panel: Panel, scope: Scope) -> Response:
        return _html(render.query_page(view, panel, scope, query_of(panel, scope)))

    async def _download(self, request: Request, make: Callable[..., object]) -> Response:
        if (refused := self._guard.refused(request)) is not None:
            return refused
        try:
            view = self._views[request.path_params["view"]]
            scope, _, _ = await self._scope(request, view)
            panel = next(panel for panel in view.panels(scope) if panel.name == request.path_params["panel"])
            return await make(view, panel, scope)  # type: ignore[misc,no-any-return]
        except (KeyError, StopIteration):
            return _message("There is no such figure", "", 404)
        except _FAILURES as error:
            return self._told(error)

    async def _acted(self, request: Request) -> Response:
        if (refused := self._guard.refused_change(request)) is not None:
            return refused
        view = self._views.get(request.path_params["view"])
        action = (view.actions or {}).get(request.path_params["action"]) if view else None
        if view is None or action is None or self._writer is None:
            return _message("There is nothing to change here", "", 404)
        try:
            form = await _form(request)
            back = dict(parse_qsl(form.pop("back", "")))
            said = await self._writer.run(partial(_act, action, form, self._clock()))
        except (ValueError, *_FAILURES) as error:
            return self._told(error)
        return RedirectResponse(
            f"/view/{view.name}?{urlencode(back | {'said': self._keep(said)})}", 303, SAFE
        )

    def _keep(self, said: str) -> str:
        """Keep what an action said for the page that is shown next; return the name to ask for it with."""
        name = secrets.token_hex(8)
        self._said[name] = said
        if len(self._said) > _MOST_SAID:
            self._said.popitem(last=False)
        return name

    async def _file(self, request: Request) -> Response:
        found = self._static.answer(request, request.path_params["name"])
        return found or _message("There is no such file", "", 404)

    async def _events(self, request: Request) -> Response:
        if (refused := self._guard.refused(request)) is not None:
            return refused
        if self.live.full:
            return _message("Too many watch", "Figures are shown, and not refreshed.", 503)
        headers = SAFE | {"x-accel-buffering": "no"}
        return StreamingResponse(self.live.stream(), media_type="text/event-stream", headers=headers)

    @staticmethod
    def _told(error: Exception) -> Response:
        return _message("This cannot be shown", _why(error), 400 if isinstance(error, ValueError) else 503)


def _key(view: View, panel: Panel, scope: Scope) -> object:
    given = sorted((name, value) for name, value in scope.given.items() if name != "brand")
    return view.name, panel.name, scope.brand, tuple(given)


def _made(view: View, panel: Panel, scope: Scope, store: ClickHouse) -> str:
    return render.panel(view, panel, scope, answer(store, panel, scope))


def _act(action: Action, form: Mapping[str, str], now_us: int, store: ClickHouse) -> str:
    return action(store, form, "page", now_us)


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises ScopeError where it is too large, or another kind of body."""
    body = await body_of(request, _MOST_BYTES)
    if body is None:
        raise ScopeError(f"the form has more than {_MOST_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=bool(body)))
    except ValueError as error:
        raise ScopeError("the body is no form") from error


def _why(error: Exception) -> str:
    """Return what people are told of a failure: their own mistakes in full, the store's without its innards."""
    if isinstance(error, ValueError | BusyError):
        return f"{error}."
    _log.warning("the page could not ask the store: %s", error)
    if isinstance(error, QueryError) and "TIMEOUT_EXCEEDED" in str(error):
        return "This takes longer than the page may: choose a shorter period."
    return "The store does not answer this; the log says why."


def _html(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type=_HTML, headers=SAFE)


def _message(title: str, text: str, status: int) -> Response:
    return _html(render.message(title, text, {"To the journeys": "/"}), status)
