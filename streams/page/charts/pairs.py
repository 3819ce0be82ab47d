"""Draws measures of two sides, one below the other on the measure's own scale."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.page.charts.svg import figure, mark, text
from streams.page.markup import Child, Markup, tag

__all__ = ["Measure", "pairs"]

_WIDTH, _HEAD, _LINE, _BAR, _GAP = 480, 20, 20, 12, 12  # px: half a page, so that it can be read on a phone
_FIGURE = 110  # px right of the longest bar


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of both sides: its values, and each as text and as the name of its mark."""

    name: str
    values: tuple[float, float]
    said: tuple[str, str]
    says: tuple[str, str]
    hrefs: tuple[str | None, str | None] = (None, None)


def pairs(name: str, title: str, measures: Sequence[Measure]) -> Markup:
    """Return the measures; negative values have no bar."""
    tall = _HEAD + 2 * _LINE + _GAP
    drawn: list[Child] = []
    for n, each in enumerate(measures):
        y, most = n * tall, max(*each.values, 0) or 1.0
        drawn.append(text(0, y + 14, each.name, "label"))
        drawn += [_side(each, side, y + _HEAD + side * _LINE, most) for side in (0, 1)]
    says = "; ".join(said for each in measures for said in each.says)
    return figure(name, title, says, (_WIDTH, len(measures) * tall), drawn)


def _side(each: Measure, side: int, y: float, most: float) -> Markup:
    long = max(each.values[side], 0) / most * (_WIDTH - _FIGURE)
    return mark(
        each.says[side],
        tag("rect", x=0, y=y, width=_WIDTH, height=_LINE, class_="reach"),
        tag("rect", x=0, y=y + 4, width=max(long, 1.5), height=_BAR, rx=3, class_=f"bar {('way-left', 'way-right')[side]}"),
        text(long + 8, y + 14.5, each.said[side], "figure-text", hidden=True),
        href=each.hrefs[side],
    )  # fmt: skip
