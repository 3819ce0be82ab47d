"""Draws a few figures side by side, each over a bar of its share."""

from collections.abc import Callable, Sequence

from streams.page.charts.svg import figure, mark, text
from streams.page.markup import Markup, tag
from streams.page.values import for_people
from streams.page.view import Row

__all__ = ["strip"]

_WIDTH, _HEIGHT, _BAR, _GAP = 1040.0, 92.0, 6.0, 28.0


def strip(name: str, title: str, rows: Sequence[Row], *, href: Callable[[Row], str | None]) -> Markup:
    """Return the figure; rows have position (a stage), name, customers and share of all."""
    width = (_WIDTH - _GAP * (len(rows) - 1)) / max(len(rows), 1)
    said = [
        f"{row['name']}: {row['customers']:,} customers, {for_people(row['share'], 'share')}" for row in rows
    ]
    marks = []
    for n, row in enumerate(rows):
        x = n * (width + _GAP)
        marks.append(
            mark(
                said[n],
                tag("rect", x=x, y=0, width=width, height=_HEIGHT, class_="hit"),
                text(x, 14, row["name"], "quiet", hidden=True),
                text(x, 48, for_people(row["customers"], "number"), "large", hidden=True),
                tag("rect", x=x, y=_HEIGHT - 26, width=width, height=_BAR, rx=3, class_="track"),
                tag("rect", x=x, y=_HEIGHT - 26, width=max(width * row["share"], 2), height=_BAR, rx=3, class_=f"stage-{row['position']}"),
                text(x, _HEIGHT - 4, for_people(row["share"], "share"), "quiet", hidden=True),
                href=href(row),
            )
        )  # fmt: skip
    return figure(name, title, "; ".join(said), (_WIDTH, _HEIGHT), marks)
