"""Draws columns over time: one for each part of the period, as high as its count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from streams.page.charts.moments import moments
from streams.page.charts.svg import Scale, TimeScale, axis, figure, mark
from streams.page.markup import Markup, tag

__all__ = ["Part", "columns"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _FOOT = 1040.0, 190.0, 64.0, 24.0, 30.0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the period: its ends, how much of it is good and bad, and what it says."""

    since: datetime
    until: datetime
    good: float
    bad: float
    said: str


def columns(  # noqa: PLR0913, PLR0917 - of one chart
    name: str,
    title: str,
    description: str,
    parts: Sequence[Part],
    period: tuple[datetime, datetime],
    marked: Sequence[tuple[datetime, str]] = (),
    zone: tzinfo = UTC,
) -> Markup:
    """Return the figure over the whole period; there is at least one part, and they may leave gaps. `marked` are moments."""
    scale = TimeScale(*period, _LEFT, _WIDTH - _RIGHT, zone)
    up = Scale(0, max(part.good + part.bad for part in parts) or 1, _HEIGHT - _FOOT, 12)
    marks = []
    for part in parts:
        x, width = scale(part.since), max(scale(part.until) - scale(part.since) - 1, 1.0)
        ground, middle, top = up(0), up(part.good), up(part.good + part.bad)
        good = tag("rect", x=x, y=middle, width=width, height=ground - middle, class_="accent")
        bad = tag("rect", x=x, y=top, width=width, height=middle - top, class_="bad") if part.bad else None
        marks.append(mark(part.said, good, bad))
    return figure(
        name, title, description, (_WIDTH, _HEIGHT),
        axis(up, _LEFT, most=4, vertical=True, reach=_WIDTH - _RIGHT - _LEFT), marks, axis(scale, _HEIGHT - _FOOT + 2, most=8),
        moments([(scale(at), said) for at, said in marked if period[0] <= at <= period[1]], 0, _HEIGHT - _FOOT),
    )  # fmt: skip
