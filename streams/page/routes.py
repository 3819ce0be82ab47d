"""Defines the HTTP routes of the page; each asks the guard first, and runs its queries in the connection pool."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from types import MappingProxyType
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from streams.analysis.brands import Brand
from streams.clock import Clock
from streams.handles.match import Hasher
from streams.handles.readable import ReadableReader
from streams.http.cross_site import Door
from streams.http.guard import SAFE, Guard
from streams.http.viewer import Viewer
from streams.page import render
from streams.page.answer import MOST_LINES, all_rows, as_csv, query_of
from streams.page.audience import Audience
from streams.page.gzip_stream import PACKED, packed, takes_packed
from streams.page.live import Live
from streams.page.markup import Markup
from streams.page.new_key import OpenKeys, new_key, snippets
from streams.page.numbers import Numbers
from streams.page.posted import posted
from streams.page.reading import Reading
from streams.page.replies import FAILURES, HTML, failure, html, message
from streams.page.scope import Scope, ScopeError
from streams.page.search import Finder, Search
from streams.page.sign_in import SignIn
from streams.page.static_files import StaticFiles
from streams.page.view import Action, Panel, View
from streams.store.clickhouse import ClickHouse
from streams.store.connections import CachedAnswer, ConnectionPool, Want

__all__ = ["Page"]

_MOST_SAID = 100
_PROXIED_S = 900.0  # after which the browser opens its stream again, and the proxy in front asks who it is
_log = logging.getLogger(__name__)


class Page:
    """The page over one store.

    Parameters
    ----------
    reader, watcher
        Connections that only read: for figures, and for looks at whether they changed.
    views
        In the order of the navigation; the first is shown at /.
    find
        What the search field asks.
    writer
        One connection for what people change; None where nothing may be changed.
    zones
        Whose days a brand's are, by brand; that of "" for all others.
    keys
        Opens the write keys; None where the page makes none.
    hasher
        Hashes the values of one's own list; None where none can be matched.
    readable
        Gives readable handles to viewers who may see them; None where there are none.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - of one page
        self,
        reader: ConnectionPool,
        watcher: ConnectionPool,
        views: Sequence[View],
        guard: Guard,
        clock: Clock,
        find: Finder,
        *,
        writer: ConnectionPool | None = None,
        hasher: Hasher | None = None,
        keys: OpenKeys | None = None,
        zones: Mapping[str, tzinfo] = MappingProxyType({}),
        readable: ReadableReader | None = None,
    ) -> None:
        self._reader, self._watcher, self._writer = reader, watcher, writer
        self._guard, self._clock, self._keys = guard, clock, keys
        self._views = {view.name: view for view in views}
        self._first = views[0]
        self._static = StaticFiles()
        self._said: OrderedDict[str, str] = OrderedDict()
        self._search = Search(find, reader, guard, self._keep)
        self._audience = Audience(hasher, reader, guard, clock, zones)
        self._numbers = Numbers(reader, readable)
        self._sign_in = SignIn(guard)
        self.live = Live(watcher)
        self._reading = Reading(reader, self.live, guard, clock, zones)

    def end(self) -> None:
        """Stop answering: streams to viewers end, and requests that wait for a figure get an error."""
        self.live.end()
        for connections in (self._reader, self._watcher, self._writer):
            if connections is not None:
                connections.end()

    @property
    def routes(self) -> list[BaseRoute]:
        """Routes for any server of a port."""
        return [
            Route("/", self._shown),
            Route("/view/{view}", self._shown),
            Route("/view/connect", self._connected, methods=["POST"]),
            Route("/view/{view}/{panel}.csv", self._csv),
            Route("/view/{view}/{panel}.sql", self._sql),
            Route("/view/{view}/{action}", self._acted, methods=["POST"]),
            Route("/find", self._searched, methods=["POST"]),
            Route("/audience", self._matched, methods=["POST"]),
            Route("/sign-in", self._sign_in.answer, methods=["POST"]),
            Route("/sign-out", self._sign_in.out, methods=["POST"]),
            Route("/static/{name}", self._file),
            Route("/events", self._events),
        ]

    async def _shown(self, request: Request) -> Response:
        if (refused := self._guard.refused(request, Door.LINKED)) is not None:
            return self._sign_in.instead(request, refused)
        view = self._views.get(request.path_params.get("view", self._first.name))
        if view is None:
            return message("There is no such view", "", 404)
        try:
            return await self._viewed(request, view)
        except FAILURES as error:
            return failure(error)

    async def _viewed(self, request: Request, view: View, said: Markup | None = None) -> Response:
        """Return a view; one that opens where there is no brand yet is the one by which events come in."""
        scope, known, want = await self._reading.scope(request, view)
        if not known and "view" not in request.path_params and "connect" in self._views:
            view = self._views["connect"]
            scope, known, want = await self._reading.scope(request, view)
        parts = self._parts(request, view, scope, known, want, view.panels(scope), said)
        if takes_packed(request):
            return StreamingResponse(packed(parts), media_type=HTML, headers=SAFE | PACKED)
        return StreamingResponse(parts, media_type=HTML, headers=SAFE)

    async def _connected(self, request: Request) -> Response:
        """Make a write key, and show it this once with what sends a first event."""
        if (refused := self._guard.refused_change(request)) is not None:
            return refused
        viewer = self._reading.viewer(request)
        if self._keys is None or not viewer.changes(""):
            return message("There is nothing to change here", "", 404)
        try:
            form, now_us = await posted(request), self._clock()
            secret = await asyncio.to_thread(new_key, self._keys, form, now_us)
            url = str(request.base_url).rstrip("/")
            return await self._viewed(request, self._views["connect"], snippets(secret, form, url, now_us))
        except (ValueError, *FAILURES) as error:
            return failure(error)

    async def _parts(  # noqa: PLR0913, PLR0917 - of one page
        self,
        request: Request,
        view: View,
        scope: Scope,
        known: Sequence[Brand],
        want: Want,
        panels: Sequence[Panel],
        shown: Markup | None = None,
    ) -> AsyncIterator[str]:
        """Yield the shell at once, then each panel; only panels, where a live page asks for a fragment."""
        whole = "fragment" not in request.query_params
        if whole:
            said = self._said.pop(request.query_params.get("said", ""), "")
            viewer = self._reading.viewer(request)
            listed = [each for each in self._views.values() if each.shown_to(viewer)]
            yield render.top(view, listed, scope, known, said, viewer)
            yield shown or ""
            yield await self._numbers.of_journey(viewer, view, scope)
        yield '<div id="panels" class="panels">'
        made: list[CachedAnswer[str]] = []
        for panel in panels:
            made.append(await self._reading.panel(view, panel, scope, want))
            yield made[-1].answer
        oldest = min(made, key=lambda kept: kept.at)
        yield render.as_of(oldest.at, self.live.named(oldest.version), scope) + "</div>"
        if whole:
            yield await self._reading.names(view, scope, want)
            yield render.bottom()

    def warm(self) -> None:
        """Draw the first view as it opens, and the others while somebody watches; for a thread of its own."""
        self._reading.warm(list(self._views.values()), self._first)

    async def _csv(self, request: Request) -> Response:
        return await self._download(request, partial(self._lines, request))

    async def _lines(self, request: Request, view: View, panel: Panel, scope: Scope) -> Response:
        found = await self._reader.run(partial(all_rows, panel=panel, scope=scope))
        if found.more:
            raise ScopeError(f"there are more than {MOST_LINES:,} rows: choose a shorter period")
        name = f"{view.name}-{panel.name}.csv"
        headers = SAFE | {"content-disposition": f'attachment; filename="{name}"'}
        viewer, panel = self._reading.viewer(request), panel.with_columns(found.rows)
        return StreamingResponse(
            as_csv(*await self._numbers.beside(viewer, scope, panel, found.rows)),
            media_type="text/csv; charset=utf-8",
            headers=headers,
        )

    async def _sql(self, request: Request) -> Response:
        return await self._download(request, self._query)

    async def _query(self, view: View, panel: Panel, scope: Scope) -> Response:
        return html(render.query_page(view, panel, scope, query_of(panel, scope)))

    async def _download(self, request: Request, make: Callable[..., object]) -> Response:
        if (refused := self._guard.refused(request)) is not None:
            return refused
        try:
            view = self._views[request.path_params["view"]]
            scope, _, _ = await self._reading.scope(request, view)
            panel = next(panel for panel in view.panels(scope) if panel.name == request.path_params["panel"])
            return await make(view, panel, scope)  # type: ignore[misc,no-any-return]
        except (KeyError, StopIteration):
            return message("There is no such figure", "", 404)
        except FAILURES as error:
            return failure(error)

    async def _acted(self, request: Request) -> Response:
        if (refused := self._guard.refused_change(request)) is not None:
            return refused
        view = self._views.get(request.path_params["view"])
        action = (view.actions or {}).get(request.path_params["action"]) if view else None
        if view is None or action is None or self._writer is None:
            return message("There is nothing to change here", "", 404)
        try:
            form, viewer = await posted(request), self._reading.viewer(request)
            if not viewer.writes:
                return message("You may look, and change nothing", "You are signed in for reading.", 403)
            if not viewer.sees(form.get("brand", "")):
                raise ScopeError("brand: unknown")
            if not viewer.changes(form.get("brand", "")):
                return message("You may look here, and change nothing", "You may change other brands.", 403)
            back = dict(parse_qsl(form.pop("back", "")))
            said = await self._writer.run(partial(_act, action, form, viewer, self._clock()))
        except (ValueError, *FAILURES) as error:
            return failure(error)
        return RedirectResponse(
            f"/view/{view.name}?{urlencode(back | {'said': self._keep(said)})}", 303, SAFE
        )

    async def _searched(self, request: Request) -> Response:
        try:
            return await self._search.answer(request)
        except FAILURES as error:
            return failure(error)

    async def _matched(self, request: Request) -> Response:
        try:
            return await self._audience.answer(request)
        except FAILURES as error:
            return failure(error)

    def _keep(self, said: str) -> str:
        """Keep the result of an action for the page that is shown next; return the name by which that page asks for it."""
        name = secrets.token_hex(8)
        self._said[name] = said
        if len(self._said) > _MOST_SAID:
            self._said.popitem(last=False)
        return name

    async def _file(self, request: Request) -> Response:
        found = self._static.answer(request, request.path_params["name"])
        return found or message("There is no such file", "", 404)

    async def _events(self, request: Request) -> Response:
        if (refused := self._guard.refused(request)) is not None:
            return refused
        if self.live.full:
            return message("Too many watch", "Figures are shown, and not refreshed.", 503)
        headers = SAFE | {"x-accel-buffering": "no"}
        viewer = self._guard.viewer(request)
        end = asyncio.get_running_loop().time() + _PROXIED_S

        def may_stay() -> bool:
            is_late = viewer is not None and viewer.by_proxy and asyncio.get_running_loop().time() > end
            return not is_late and self._guard.viewer(request) == viewer

        stream = self.live.stream(may_stay)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def _act(action: Action, form: Mapping[str, str], viewer: Viewer, now_us: int, store: ClickHouse) -> str:
    return action(store, form, viewer, now_us)
