"""Draws series with the band of expected counts, one below the other over the same time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from streams.page.charts.moments import moments
from streams.page.charts.svg import Scale, TimeScale, axis, figure, mark, path, text, ticks
from streams.page.markup import Child, Markup, tag

__all__ = ["MarkedEvent", "Point", "Strip", "band"]

_WIDTH, _HEIGHT, _GAP, _LEFT, _RIGHT, _TOP, _FOOT = 760, 140, 44, 40, 24, 34, 26  # px


@dataclass(frozen=True, slots=True)
class Point:
    """The count from `at` on, and the expected one; None where nothing is known yet."""

    at: datetime
    count: float
    expected: float | None
    low: float | None
    high: float | None
    says: str
    begins: bool = False
    """Whether something unusual begins here: only such a point is a mark of its own."""


@dataclass(frozen=True, slots=True)
class MarkedEvent:
    """A period that is marked over its series."""

    since: datetime
    until: datetime
    says: str
    href: str | None = None
    class_: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """A series: buckets of the same width, in order."""

    name: str
    class_: str
    points: Sequence[Point]
    events: Sequence[MarkedEvent] = ()


def band(  # noqa: PLR0913 - keywords
    name: str,
    title: str,
    description: str,
    strips: Sequence[Strip],
    *,
    span: tuple[datetime, datetime],
    width: timedelta,
    marked: Sequence[tuple[datetime, str]] = (),
    zone: tzinfo = UTC,
) -> Markup:
    """Return the strips, the first above, each on its own scale of counts; `width` is that of a bucket, `marked` are moments."""
    across = TimeScale(*span, _LEFT, _WIDTH - _RIGHT, zone)
    foot = _TOP + len(strips) * (_HEIGHT + _GAP) - _GAP
    drawn = []
    for n, strip in enumerate(strips):
        at = _TOP + n * (_HEIGHT + _GAP) + _HEIGHT
        most = ticks(max((max(p.count, p.high or 0) for p in strip.points), default=1), 3)[-1]
        drawn.append(_strip(strip, across, Scale(0, most, at, at - _HEIGHT), width))
    time = axis(across, foot, most=8, reach=foot - _TOP)
    places = [(across(at), said) for at, said in marked if span[0] <= at <= span[1]]
    return figure(
        name, title, description, (_WIDTH, foot + _FOOT), time, drawn, moments(places, _TOP - 12, foot)
    )


def _strip(strip: Strip, across: TimeScale, up: Scale, width: timedelta) -> Markup:
    known = [p for p in strip.points if p.high is not None]
    return tag(
        "g",
        text(_LEFT, up.end - 14, strip.name, "label strong"),
        axis(up, _LEFT, most=3, vertical=True, reach=_WIDTH - _RIGHT - _LEFT),
        [_event(event, across, up) for event in strip.events],
        _area(known, across, up, width),
        _steps(known, lambda p: p.expected or 0, across, up, width, "line expected"),
        _steps(strip.points, lambda p: p.count, across, up, width, "line counted"),
        [
            mark(p.says, tag("circle", cx=across(p.at + width / 2), cy=up(p.count), r=3.5, class_="above"))
            for p in strip.points
            if p.begins
        ],
        class_=f"strip {strip.class_}",
    )


def _area(known: Sequence[Point], across: TimeScale, up: Scale, width: timedelta) -> Child:
    if not known:
        return None
    tops = [(across(p.at + side), up(p.high or 0)) for p in known for side in (timedelta(0), width)]
    feet = [(across(p.at + side), up(p.low or 0)) for p in reversed(known) for side in (width, timedelta(0))]
    return tag("path", d=path(tops + feet, closed=True), class_="area ordinary")


def _steps(  # noqa: PLR0913, PLR0917 - of one line
    points: Sequence[Point],
    of: Callable[[Point], float],
    across: TimeScale,
    up: Scale,
    width: timedelta,
    class_: str,
) -> Child:
    """Return a line with a step at each bucket; one that follows at the same height is passed over."""
    if not points:
        return None
    drawn, last = "", None
    for p in points:
        y = f"{up(of(p)):.1f}"
        if y != last:
            drawn += f"{'H' if last else 'M'}{across(p.at):.1f}{'V' if last else ' '}{y}"
            last = y
    return tag("path", d=f"{drawn}H{across(points[-1].at + width):.1f}", class_=class_)


def _event(event: MarkedEvent, across: TimeScale, up: Scale) -> Markup:
    from_x, to_x = across(max(event.since, across.low)), across(min(event.until, across.high))
    width, top = max(8.0, to_x - from_x), up.end - 6
    x = min((from_x + to_x - width) / 2, across.end - width)
    return mark(
        event.says,
        tag("rect", x=x, y=top, width=width, height=up.start - top, class_="event-span"),
        tag("rect", x=x, y=top, width=width, height=4, rx=2, class_="event-head"),
        href=event.href,
        class_=f"mark event {event.class_}".rstrip(),
    )
