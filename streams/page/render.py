"""Renders a view as HTML: the shell, which is sent first, and its panels, which follow as their queries answer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

from streams.analysis.brands import Brand
from streams.http.viewer import EVERYBODY, Viewer
from streams.page import filters
from streams.page.answer import Answered
from streams.page.form import form
from streams.page.markup import Markup, tag, together
from streams.page.scope import Scope
from streams.page.search import field as search_field
from streams.page.table import pages, table
from streams.page.view import MOST_COUNTED, MOST_ROWS, Panel, View

__all__ = ["as_of", "bottom", "failed", "message", "panel", "plain", "query_page", "top"]

_HEAD = Markup(
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark">'
    '<link rel="icon" href="/static/icon.svg"><link rel="stylesheet" href="/static/style.css"><link rel="stylesheet" href="/static/views.css">'
    '<script type="module" src="/static/page.js"></script>'
)


def top(  # noqa: PLR0913, PLR0917 - of one page
    view: View,
    views: Sequence[View],
    scope: Scope,
    brands: Sequence[Brand],
    said: str = "",
    who: Viewer = EVERYBODY,
) -> Markup:
    """Return the page down to where its panels begin; nothing in it waits for their queries. `who` asks for it."""
    return together(
        [
            _shell(view.title, _navigation(view, views, scope), scope.brand, who),
            tag("h1", view.title),
            tag("p", view.lead, class_="lead"),
            form(view, scope, brands),
            _expired(scope, brands),
            filters.note(view.name, scope),
            tag("p", said, class_="said", role="status") if said else None,
        ]
    )


def _expired(scope: Scope, brands: Sequence[Brand]) -> Markup | None:
    """Return since when the touches of a period are there, where earlier ones of it have expired."""
    horizon = next((brand.horizon for brand in brands if brand.name == scope.brand), None)
    if horizon is None or scope.since >= horizon:
        return None
    said = (
        f"Touches before {horizon:%-d %B %Y} have expired. Stages, revenue and counts by minute include them; paths, content,"
        " places and word of mouth begin there."
    )
    return tag("p", said, class_="note expired")


def bottom() -> Markup:
    """Return what follows the last panel."""
    return Markup("</main></body></html>")


def _shell(title: str, navigation: Markup | None, brand: str = "", who: Viewer = EVERYBODY) -> Markup:
    name = f"{title} · {brand}" if brand else title
    header = tag(
        "header",
        tag("a", "Journeys", href="/", class_="home"),
        navigation,
        search_field(brand) if navigation else None,
        tag("p", tag("span", class_="dot"), tag("span", "not live", id="live"), class_="live", role="status"),
        _signed_in(who) if who.name else None,
        class_="bar",
    )
    return together(
        [
            Markup('<!doctype html><html lang="en">'),
            tag(
                "head",
                _HEAD,
                tag("meta", name="viewer", content=who.name) if who.name else None,
                tag("title", name),
            ),
            Markup("<body>"),
            tag("a", "Skip to the figures", href="#main", class_="skip"),
            header,
            Markup('<main id="main" tabindex="-1">'),
        ]
    )


def _signed_in(who: Viewer) -> Markup:
    """Return who is signed in, and the way out; whom a proxy signed in leaves there."""
    name = tag("span", who.name)
    if who.by_proxy:
        return tag("p", name, class_="me")
    return tag("form", name, tag("button", "Sign out"), method="post", action="/sign-out", class_="me")


def _navigation(shown: View, views: Sequence[View], scope: Scope) -> Markup:
    links = (
        tag(
            "li",
            tag(
                "a",
                view.title,
                href=scope.address(view.name),
                aria_current="page" if view is shown else None,
            ),
        )
        for view in views
        if view.listed
    )
    return tag("nav", tag("ul", links), aria_label="Views")


def panel(view: View, made: Panel, scope: Scope, found: Answered) -> Markup:
    """Return a panel with figure, table and ways out; where there is no row, it says what to do."""
    if not found.rows and not found.count:
        return _section(made, tag("p", made.empty, class_="empty"), _ways(view, made, scope, png=False))
    if not made.columns:
        made = replace(made.with_columns(found.rows), sorts=False)
    figure = made.draw(found.rows, scope) if made.draw else None
    behind = table(made, scope, found.rows[:MOST_ROWS], found.people, view.name)
    if figure is None:
        listed = pages(made, scope, len(found.rows), found.count, view.name) if found.count else None
        return _section(
            made, together([_part(made, found), listed, behind]), _ways(view, made, scope, png=False)
        )
    limit = f"There are more than {MOST_ROWS:,} rows; these are the first, the CSV has all."
    note = tag("p", limit, class_="note") if len(found.rows) > MOST_ROWS else None
    drawn = tag("figure", figure, class_="drawing")
    below = tag("details", tag("summary", "Table"), note, behind, class_="behind")
    ways = _ways(view, made, scope, png=made.picture)
    return _section(made, together([_part(made, found), drawn, below]), ways)


def _part(made: Panel, found: Answered) -> Markup | None:
    """Return that a figure is that of a part of the rows; None where it is not."""
    said = (
        f"This counts {MOST_COUNTED:,} rows alone; there are more: choose a shorter period, or take the CSV."
    )
    return tag("p", said, class_="note", role="status") if found.more and not made.is_list else None


def as_of(at: datetime, version: str, scope: Scope) -> Markup:
    """Return a line that says how old figures are; by its version a live page decides whether to query again."""
    said = f"As of {scope.local(at):%-d %b %Y %H:%M:%S} {scope.zone}."
    return tag("p", said, class_="note as-of", data_version=version)


def failed(made: Panel, text: str) -> Markup:
    """Return a panel whose query had no answer."""
    return _section(made, tag("p", text, class_="failed", role="alert"), None)


def _section(made: Panel, body: Markup, ways: Markup | None) -> Markup:
    return tag(
        "section",
        tag("h2", made.title, id=f"title-{made.name}"),
        body,
        tag("details", tag("summary", "How this is counted"), tag("p", made.counts), class_="counted")
        if made.counts
        else None,
        ways,
        id=f"panel-{made.name}",
        class_="panel" if made.wide else "panel half",
        data_fresh_s=made.fresh_s,
        aria_labelledby=f"title-{made.name}",
    )


def _ways(view: View, made: Panel, scope: Scope, *, png: bool) -> Markup:
    about = made.title
    there = f"/view/{view.name}/{made.name}"
    asked = f"?{urlencode({'brand': scope.brand, **scope.given})}"
    return tag(
        "p",
        tag("a", "Open in SQL", href=f"{there}.sql{asked}", aria_label=f"Open in SQL: {about}"),
        tag("a", "CSV", href=f"{there}.csv{asked}", download=True, aria_label=f"CSV: {about}"),
        tag("button", "PNG", type="button", data_png=made.name, hidden=True, aria_label=f"PNG: {about}")
        if png
        else None,
        class_="ways",
    )


def query_page(view: View, made: Panel, scope: Scope, sql: str) -> Markup:
    """Return the page that shows the query behind a panel."""
    back = f"/view/{view.name}?{urlencode({'brand': scope.brand, **scope.given})}"
    how = (
        "These are the query and the parameters that the figure, the table and the CSV come from. Run it with "
        "journey sql, in a notebook, or wherever you query ClickHouse."
    )
    copy = tag("button", "Copy", type="button", data_copy=True, hidden=True)
    return together(
        [
            _shell(f"SQL: {made.title}", None),
            tag("h1", made.title),
            tag("p", made.counts, class_="lead"),
            tag("p", how),
            tag("pre", tag("code", sql), class_="sql", tabindex="0", role="region", aria_label="SQL"),
            tag("p", copy, tag("a", "Back to the figure", href=back), class_="ways"),
            bottom(),
        ]
    )


def plain(title: str, inner: Markup) -> Markup:
    """Return a page without navigation around what is given."""
    return together([_shell(title, None), inner, bottom()])


def message(title: str, text: str, links: Mapping[str, str]) -> Markup:
    """Return a page that says one thing."""
    ways = [tag("a", name, href=address) for name, address in links.items()]
    said = [tag("h1", title), tag("p", text, class_="lead"), tag("p", ways, class_="ways")]
    return together([_shell(title, None), *said, bottom()])
