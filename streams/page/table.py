"""Renders the table behind a figure, with a caption, headings and links."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from streams.page.described import Described
from streams.page.markup import Markup, tag, together
from streams.page.scope import Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row

__all__ = ["pages", "table"]

_RIGHT = {"number", "score", "share", "duration", "money", "plain", "change"}


def table(
    panel: Panel, scope: Scope, rows: Sequence[Row], people: Mapping[int, Described], view: str
) -> Markup:
    """Return the table; the first cell of a row is its heading, and leads where the row does. Headings of a list sort it."""
    head = tag("tr", (_heading(panel, scope, each, view) for each in panel.columns))
    made = tag(
        "table",
        tag("caption", panel.title, class_="unseen"),
        tag("thead", head),
        tag("tbody", (_row(panel, scope, row, people) for row in rows)),
    )
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=f"Table: {panel.title}")


def pages(panel: Panel, scope: Scope, shown: int, count: int, view: str) -> Markup:
    """Return which rows of a list are shown, of how many, with links to those before and after."""
    page = panel.page(scope)
    first = page * panel.most + 1
    last = first + shown - 1
    said = f"{first:,} to {last:,} of {count:,}" if shown else f"None of {count:,}"
    before = _there(panel, scope, view, page=f"{panel.name}.{page}") if page else None
    after = _there(panel, scope, view, page=f"{panel.name}.{page + 2}") if last < count else None
    return tag(
        "p",
        tag("span", said),
        tag("a", "Previous", href=before, aria_label=f"Previous: {panel.title}") if before else None,
        tag("a", "Next", href=after, aria_label=f"Next: {panel.title}") if after else None,
        class_="pages",
    )


def _there(panel: Panel, scope: Scope, view: str, **own: str) -> str:
    kept = {name: value for name, value in scope.given.items() if name != "page"}
    return f"/view/{view}?{urlencode({'brand': scope.brand} | kept | own)}#panel-{panel.name}"


def _heading(panel: Panel, scope: Scope, column: Column, view: str) -> Markup:
    if not (panel.is_list and panel.sorts):
        return tag("th", column.label, scope="col", class_=_side(column))
    by, falls = panel.sorted_by(scope) or ("", False)
    highest_first = not falls if by == column.name else column.kind in _RIGHT
    link = tag(
        "a",
        column.label,
        href=_there(panel, scope, view, sort=f"{panel.name}.{'-' if highest_first else ''}{column.name}"),
    )
    order = ("descending" if falls else "ascending") if by == column.name else None
    return tag("th", link, scope="col", class_=_side(column), aria_sort=order)


def _row(panel: Panel, scope: Scope, row: Row, people: Mapping[int, Described]) -> Markup:
    there = panel.link(row, scope)
    first, *rest = panel.columns
    heading = tag("th", _cell(first, row, scope, people, there), scope="row", class_=_side(first))
    return tag("tr", heading, (_data(each, row, scope, people) for each in rest))


def _data(column: Column, row: Row, scope: Scope, people: Mapping[int, Described]) -> Markup:
    side = "when" if isinstance(row[column.name], datetime) else _side(column)
    return tag("td", _cell(column, row, scope, people), class_=side)


def _cell(
    column: Column, row: Row, scope: Scope, people: Mapping[int, Described], there: str | None = None
) -> Markup | str:
    value = row[column.name]
    if column.kind == "customer" and value is not None:
        return _customer(value, scope, people.get(value))
    text = for_people(value, column.kind)
    return tag("a", text, href=there) if there else text


def _customer(customer: int, scope: Scope, known: Described | None) -> Markup:
    """Return a link to the journey: what the customer is known by, the beginning of the hash, and where they were last."""
    number = f"#{customer:016x}"
    name = f"{known.known} {number[:5]}" if known else number
    link = tag("a", name, href=scope.address("journey", customer=number[1:]), title=number)
    return together([link, tag("span", known.where, class_="where") if known and known.where else None])


def _side(column: Column) -> str | None:
    return "right" if column.kind in _RIGHT else None
