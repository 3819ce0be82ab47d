"""Provides what every chart is made of: scales, axes, text, and marks that keyboards and screen readers reach.

Colours and type come from style.css by class: stage-0 to stage-5, channel-NAME, label, quiet, line, area.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from streams.page.markup import Child, Markup, tag, together

__all__ = ["Scale", "TimeScale", "axis", "figure", "mark", "path", "text", "ticks"]

_STEPS = (1, 2, 2.5, 5, 10)
_SPANS = tuple(
    timedelta(seconds=s)
    for s in (
        60,
        300,
        900,
        3_600,
        10_800,
        21_600,
        43_200,
        86_400,
        172_800,
        604_800,
        1_209_600,
        2_592_000,
        7_776_000,
    )
)


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
    """A scale from instants (low to high) to coordinates (start to end)."""

    low: datetime
    high: datetime
    start: float
    end: float

    def __call__(self, at: datetime) -> float:
        """Return the coordinate."""
        span = (self.high - self.low) / timedelta(microseconds=1)
        along = (at - self.low) / timedelta(microseconds=1) / span if span else 0.0
        return self.start + along * (self.end - self.start)

    def ticks(self, most: int = 8) -> list[tuple[datetime, str]]:
        """Return at most about `most` round instants with their labels."""
        span = self.high - self.low
        step = next((each for each in _SPANS if span / each <= most), max(_SPANS[-1], span / most))
        step_s = step.total_seconds()
        first = math.ceil(self.low.timestamp() / step_s) * step_s
        count = int((self.high.timestamp() - first) // step_s) + 1
        form = "%b %Y" if timedelta(days=300) < span else "%-d %b"
        at = [datetime.fromtimestamp(first + n * step_s, UTC) for n in range(max(count, 0))]
        return [(each, each.strftime("%H:%M" if each.hour or each.minute else form)) for each in at]


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
