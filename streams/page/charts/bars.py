"""Draws a bar chart: one horizontal bar a row, with name and figure beside each."""

from collections.abc import Callable, Sequence

from streams.page.charts.svg import Scale, figure, mark, text
from streams.page.markup import Markup, tag
from streams.page.values import for_people
from streams.page.view import Row

__all__ = ["bars"]

_ROW, _LEFT, _RIGHT, _WIDTH = 34, 180, 90, 720


def bars(  # noqa: PLR0913 - keywords
    name: str,
    title: str,
    rows: Sequence[Row],
    *,
    label: str,
    value: str,
    unit: str,
    class_: Callable[[Row], str] = lambda _: "accent",
    href: Callable[[Row], str | None] = lambda _: None,
) -> Markup:
    """Return a bar for each row, `label` and `value` being names of its columns; a value is a number from 0 on."""
    scale = Scale(0, max((float(row[value]) for row in rows), default=0) or 1, _LEFT, _WIDTH - _RIGHT)
    said = [f"{for_people(row[label])}: {for_people(row[value], 'number')} {unit}" for row in rows]
    marks = []
    for n, row in enumerate(rows):
        y = n * _ROW
        shape = tag(
            "rect", x=_LEFT, y=y + 6, width=max(scale(float(row[value])) - _LEFT, 1.5), height=_ROW - 14, rx=3,
            class_=f"bar {class_(row)}",
        )  # fmt: skip
        marks.append(
            mark(
                said[n],
                text(_LEFT - 12, y + 21, for_people(row[label]), "label", "end", hidden=True),
                shape,
                text(
                    scale(float(row[value])) + 10,
                    y + 21,
                    for_people(row[value], "number"),
                    "figure-text",
                    hidden=True,
                ),
                href=href(row),
            )
        )
    return figure(name, title, "; ".join(said), (_WIDTH, _ROW * len(rows) + 8), marks)
