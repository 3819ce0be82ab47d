"""Draws marks of moments across a chart over time: where a model changed."""

from collections.abc import Sequence

from streams.page.charts.svg import mark
from streams.page.markup import Markup, tag

__all__ = ["moments"]


def moments(places: Sequence[tuple[float, str]], top: float, foot: float) -> list[Markup]:
    """Return a dashed line with a head for each x and what it says."""
    return [
        mark(
            said,
            tag("rect", x=x - 6, y=top, width=12, height=foot - top, class_="hit"),
            tag("line", x1=x, x2=x, y1=top, y2=foot, class_="moment"),
            tag("path", d=f"M{x - 5:.1f} {top:.1f}h10l-5 8Z", class_="moment-head"),
            class_="mark model-change",
        )
        for x, said in places
    ]
