"""Renders the table behind a figure, with a caption, headings and links."""

from collections.abc import Sequence

from streams.page.markup import Markup, tag
from streams.page.scope import Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row

__all__ = ["table"]

_RIGHT = {"number", "score", "share", "duration", "money", "plain", "change"}


def table(panel: Panel, scope: Scope, rows: Sequence[Row]) -> Markup:
    """Return the table; the first cell of a row is its heading, and leads where the row does."""
    head = tag("tr", (tag("th", each.label, scope="col", class_=_side(each)) for each in panel.columns))
    made = tag(
        "table",
        tag("caption", panel.title, class_="unseen"),
        tag("thead", head),
        tag("tbody", (_row(panel, scope, row) for row in rows)),
    )
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=f"Table: {panel.title}")


def _row(panel: Panel, scope: Scope, row: Row) -> Markup:
    there = panel.link(row, scope)
    first, *rest = panel.columns
    heading = tag("th", _cell(first, row, scope, there), scope="row", class_=_side(first))
    return tag("tr", heading, (tag("td", _cell(each, row, scope), class_=_side(each)) for each in rest))


def _cell(column: Column, row: Row, scope: Scope, there: str | None = None) -> Markup | str:
    value = row[column.name]
    text = for_people(value, column.kind)
    if column.kind == "customer" and value is not None:
        there = scope.address("journey", customer=f"{value:016x}")
    return tag("a", text, href=there) if there else text


def _side(column: Column) -> str | None:
    return "right" if column.kind in _RIGHT else None
