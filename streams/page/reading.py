"""Reads what a view's URL asks for and whoever asks may see, and asks its panels, which are kept while the tables stay as they are."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, tzinfo
from functools import partial
from urllib.parse import parse_qsl

from starlette.requests import Request

from streams.analysis.brands import Brand, brands, version
from streams.clock import Clock, from_us
from streams.http.guard import Guard
from streams.http.viewer import Viewer
from streams.page import filters, render
from streams.page.answer import answer
from streams.page.live import Live
from streams.page.model_marks import model_marks
from streams.page.replies import FAILURES, why
from streams.page.scope import FILTERED, Scope, ScopeError, has_brand
from streams.page.view import Panel, View
from streams.store.clickhouse import ClickHouse
from streams.store.connections import CachedAnswer, ConnectionPool, Want

__all__ = ["Reading"]

_OLDEST_S = 30.0  # of a figure while the tables stay as they are: customers lapse without an event
_STALE_S = (
    120.0  # of a view that is opened: shown at once while the page, being live, asks for the present one
)
_NAMES_S = 600.0  # of the names that a form offers
_MOST_QUERY = 8_000  # of a URL's query: two names at their longest have half of it
_log = logging.getLogger(__name__)


class Reading:
    """What routes read with: the connections for figures, whether they are current, and who may see them."""

    def __init__(
        self, reader: ConnectionPool, live: Live, guard: Guard, clock: Clock, zones: Mapping[str, tzinfo]
    ) -> None:
        self._reader, self._live, self._guard, self._clock = reader, live, guard, clock
        self._zones = zones

    async def scope(self, request: Request, view: View) -> tuple[Scope, list[Brand], Want]:
        """Return what a request asks of a view, the brands that whoever asks may see, and how fresh figures have to be.

        Raises
        ------
        ScopeError
            A parameter is not allowed, or is not for who asks.
        """
        if len(request.url.query) > _MOST_QUERY:
            raise ScopeError(f"the address has more than {_MOST_QUERY} characters")
        query = dict(parse_qsl(request.url.query))
        live, said = query.pop("fragment", None), query.pop("said", None)
        opens = live is None and said is None and "panel" not in request.path_params
        if opens:  # an error may be about a brand, or a day, that is new: they are not to be waited for
            with suppress(ScopeError):
                return await self._read(query, view, self.viewer(request), _STALE_S)
        return await self._read(query, view, self.viewer(request), 0.0)

    def viewer(self, request: Request) -> Viewer:
        """Return who asks, once the guard has let them in."""
        if (viewer := self._guard.viewer(request)) is None:
            raise ScopeError("sign in again")
        return viewer

    async def _read(
        self, query: Mapping[str, str], view: View, viewer: Viewer, stale_s: float
    ) -> tuple[Scope, list[Brand], Want]:
        if not view.shown_to(viewer):
            raise ScopeError("this view is of all brands together, and you see some of them")
        want = await self._want(stale_s)
        found = (await self._reader.kept("brands", want, brands)).answer
        known = [brand for brand in found if viewer.sees(brand.name)]
        if viewer.brands is not None and not known:
            raise ScopeError("there is nothing yet of the brands that you may see")
        if stale_s and not has_brand(known, query.get("brand", "")):
            raise ScopeError("brand: unknown")
        models = (await self._reader.kept("models", want, model_marks)).answer
        scope = view.read(query, known, want.now, self._zones)
        return replace(scope, models=models, all_brands=viewer.brands is None), known, want

    async def _want(self, stale_s: float) -> Want:
        current = await self._live.version(stale_s)
        return Want(current, self._now(), oldest_s=max(_OLDEST_S, stale_s), stale_s=stale_s)

    def _now(self) -> datetime:
        return from_us(self._clock()).replace(microsecond=0)

    async def names(self, view: View, scope: Scope, want: Want) -> str:
        """Return the names that the form offers, as of some minutes ago: they follow what nobody waits for."""
        if view.name not in FILTERED:
            return ""
        want = replace(want, oldest_s=_NAMES_S, stale_s=_NAMES_S)
        asked = partial(filters.names_of, scope.brand)
        try:
            return filters.lists((await self._reader.kept(("names", scope.brand), want, asked)).answer)
        except FAILURES as error:
            _log.warning("the form offers no names: %s", why(error))
            return ""

    async def panel(self, view: View, panel: Panel, scope: Scope, want: Want) -> CachedAnswer[str]:
        """Return a panel, asked and drawn on a thread of the reader."""
        if panel.fresh_s is not None:
            want = replace(want, oldest_s=min(want.oldest_s, panel.fresh_s))
        try:
            seen = panel.seen(scope)
            return await self._reader.kept(_key(view, panel, seen), want, partial(_made, view, panel, seen))
        except FAILURES as error:
            return CachedAnswer(want.version, want.now, render.failed(panel, why(error)))
        except Exception:  # noqa: BLE001 - a figure that cannot be drawn takes none of the others with it
            _log.exception("panel %s of view %s could not be drawn", panel.name, view.name)
            failed = render.failed(panel, "This figure could not be drawn; the log says why.")
            return CachedAnswer(want.version, want.now, failed)

    def warm(self, views: Sequence[View], first: View) -> None:
        """Draw the first view as it opens, and the others while somebody watches; for a thread of its own."""
        now = self._now()
        found = self._reader.warm("version", Want("", now), version).answer
        want = Want(found, now)
        known = self._reader.warm("brands", want, brands).answer
        models = self._reader.warm("models", want, model_marks).answer
        listed = [view for view in views if view.listed]
        for view in listed if self._live.watched else [first]:
            scope = replace(view.read({}, known, now, self._zones), models=models)
            for panel in view.panels(scope):
                seen = panel.seen(scope)
                self._reader.warm(_key(view, panel, seen), want, partial(_made, view, panel, seen))


def _key(view: View, panel: Panel, scope: Scope) -> object:
    given = sorted((name, value) for name, value in scope.given.items() if name != "brand")
    return view.name, panel.name, scope.brand, None if scope.all_brands else scope.brands, tuple(given)


def _made(view: View, panel: Panel, scope: Scope, store: ClickHouse) -> str:
    return render.panel(view, panel, scope, answer(store, panel, scope))
