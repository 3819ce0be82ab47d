"""Provides what every chart is made of: scales, axes, text, and marks that keyboards and screen readers reach.

Colours and type come from style.css by class: stage-0 to stage-5, channel-NAME, label, quiet, line, area.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from streams.page.markup import Child, Markup, tag, together

__all__ = ["Scale", "TimeScale", "axis", "figure", "mark", "path", "text", "ticks"]

_STEPS = (1, 2, 2.5, 5, 10)
_MINUTES = (1, 5, 15, 30, 60, 180, 360, 720)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240, 600)
_DAY, _MONTH = timedelta(days=1), timedelta(days=30.4)  # a month on average


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale from numbers (low to high) to coordinates (start to end)."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the coordinate; a scale without extent puts everything at its start."""
        span = self.high - self.low
        return self.start + (value - self.low) / span * (self.end - self.start) if span else self.start


@dataclass(frozen=True, slots=True)
class TimeScale:
    """A scale from instants (low to high) to coordinates (start to end), whose ticks are round by the clocks of a zone."""

    low: datetime
    high: datetime
    start: float
    end: float
    zone: tzinfo = UTC

    def __call__(self, at: datetime) -> float:
        """Return the coordinate."""
        span = (self.high - self.low) / timedelta(microseconds=1)
        along = (at - self.low) / timedelta(microseconds=1) / span if span else 0.0
        return self.start + along * (self.end - self.start)

    def ticks(self, most: int = 8) -> list[tuple[datetime, str]]:
        """Return at most about `most` round instants with their labels: midnight, and the first of months, are those of the zone."""
        span = self.high - self.low
        form = "%b %Y" if timedelta(days=300) < span else "%-d %b"
        return [
            (at, clock.strftime("%H:%M" if clock.time() != time() else form))
            for clock in self._clocks(span / most)
            if (at := self._instant(clock)) is not None and self.low <= at <= self.high
        ]

    def _clocks(self, least: timedelta) -> Iterator[datetime]:
        """Yield what clocks show at round times that are at least so far apart, on all days of the scale."""
        first, last = (at.astimezone(self.zone).date() for at in (self.low, self.high))
        minutes = next((n for n in _MINUTES if timedelta(minutes=n) >= least), None)
        days = next((n for n in _DAYS if n * _DAY >= least), None)
        if minutes is not None or days is not None:
            for n in range(first.toordinal(), last.toordinal() + 1):
                if minutes is None and (n - 1) % (days or 1):  # weeks begin on Monday
                    continue
                midnight = datetime.combine(date.fromordinal(n), time())
                yield from (midnight + timedelta(minutes=m) for m in range(0, 1_440, minutes or 1_440))
            return
        months = next((n for n in _MONTHS if n * _MONTH >= least), _MONTHS[-1])
        for n in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
            if n % months == 0:
                yield datetime(n // 12, n % 12 + 1, 1)  # noqa: DTZ001 - what a clock shows

    def _instant(self, clock: datetime) -> datetime | None:
        """Return when clocks show that; None for a time that is left out as they are put forward, except at midnight."""
        at = clock.replace(tzinfo=self.zone).astimezone(UTC)
        is_there = at.astimezone(self.zone).replace(tzinfo=None, fold=0) == clock
        return at if is_there or clock.time() == time() else None


def ticks(high: float, most: int = 5) -> list[float]:
    """Return round numbers from 0 to about `high`; the last is at least as high.

    >>> ticks(17)
    [0.0, 5.0, 10.0, 15.0, 20.0]
    """
    if high <= 0:
        return [0.0, 1.0]
    rough = high / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * each for each in _STEPS if unit * each >= rough)
    return [n * step for n in range(math.ceil(high / step - 1e-9) + 1)]


def figure(name: str, title: str, description: str, size: tuple[float, float], *children: Child) -> Markup:
    """Return an SVG of `size` (width, height) that says in words what it shows.

    `description` is its text alternative: what the figure says, with the figures that matter.
    """
    width, height = size
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-desc"),
        children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        role="group",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
        data_figure=name,
        data_width=width,
        class_="figure",
    )


def text(  # noqa: PLR0913 - of one line of text
    x: float, y: float, said: str, class_: str = "label", anchor: str = "start", *, hidden: bool = False
) -> Markup:
    """Return a line of text; `anchor` is start, middle or end; a hidden one is read out elsewhere already."""
    return tag(
        "text",
        said,
        x=x,
        y=y,
        class_=class_,
        text_anchor=None if anchor == "start" else anchor,
        aria_hidden="true" if hidden else None,
    )


def mark(said: str, *shapes: Child, href: str | None = None, class_: str = "mark") -> Markup:
    """Return shapes that are focusable and named: a link where it leads somewhere, else an image."""
    if href is not None:
        return tag("a", tag("title", said), shapes, href=href, aria_label=said, class_=class_, data_tip=said)
    return tag(
        "g",
        tag("title", said),
        shapes,
        tabindex="0",
        role="img",
        aria_label=said,
        class_=class_,
        data_tip=said,
    )


def path(points: Sequence[tuple[float, float]], *, closed: bool = False) -> str:
    """Return the d of a path through points, rounded to a tenth: more is only weight."""
    drawn = " ".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(points))
    return drawn + ("Z" if closed else "")


def axis(  # noqa: PLR0913 - keywords
    scale: Scale | TimeScale,
    at: float,
    *,
    most: int = 6,
    vertical: bool = False,
    reach: float = 0,
    label: Callable[[float], str] = lambda value: f"{value:,g}",
) -> Markup:
    """Return an axis at a coordinate: labels at round values, and lines of `reach` across the figure."""
    if isinstance(scale, TimeScale):
        places = [(scale(when), said) for when, said in scale.ticks(most)]
    else:
        values = [value for value in ticks(scale.high, most) if value <= scale.high * 1.0001]
        places = [(scale(value), label(value)) for value in values]
    return tag(
        "g",
        together([_tick(place, said, at, reach, vertical=vertical) for place, said in places]),
        class_="axis",
    )


def _tick(place: float, said: str, at: float, reach: float, *, vertical: bool) -> list[Markup]:
    if vertical:
        line = tag("line", x1=at, x2=at + reach, y1=place, y2=place, class_="grid")
        return [line, text(at - 8, place + 4, said, "tick", "end")]
    line = tag("line", x1=place, x2=place, y1=at, y2=at - reach, class_="grid")
    return [line, text(place, at + 18, said, "tick", "middle")]
