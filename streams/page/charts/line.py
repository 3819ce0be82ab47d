"""Draws one customer's touches on a line: channels as colours, the stage as a band behind, links between handles above."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from journey.channel import CHANNELS
from streams.page.charts.moments import moments
from streams.page.charts.svg import TimeScale, axis, figure, mark, text
from streams.page.markup import Markup, tag

__all__ = ["Link", "Span", "Touch", "line"]

_WIDTH, _LEFT, _RIGHT = 1040.0, 16.0, 16.0
_LINKS, _BAND, _BAND_HEIGHT = 26.0, 48.0, 132.0
_DOT, _STEP, _MOST_STACKED = 5.0, 9.0, 11
_FAINTEST = 0.25
_NARROWEST_NAME = 76.0


@dataclass(frozen=True, slots=True)
class Touch:
    """A touch; `left` is how much of its evidence is left, 0 to 1, None where it gave none."""

    at: datetime
    channel: str
    left: float | None
    said: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stage (its position, 0 for none) from one instant to another."""

    since: datetime
    until: datetime
    position: int
    name: str


@dataclass(frozen=True, slots=True)
class Link:
    """The instant at which two handles were found to be one person."""

    at: datetime
    said: str


def line(  # noqa: PLR0913, PLR0917 - what stands on it
    title: str,
    description: str,
    touches: Sequence[Touch],
    spans: Sequence[Span],
    links: Sequence[Link],
    period: tuple[datetime, datetime],
    marked: Sequence[tuple[datetime, str]] = (),
    zone: tzinfo = UTC,
) -> Markup:
    """Return the figure; what is outside the period is left out. `marked` are moments, and what each says."""
    scale = TimeScale(*period, _LEFT, _WIDTH - _RIGHT, zone)
    since, until = period
    height = _BAND + _BAND_HEIGHT + 64
    return figure(
        "journey",
        title,
        description,
        (_WIDTH, height),
        [_band(span, scale, period) for span in spans if span.until > since and span.since < until],
        [_link(link, scale) for link in links if since <= link.at <= until],
        _dots([touch for touch in touches if since <= touch.at <= until], scale),
        moments(
            [(scale(at), said) for at, said in marked if since <= at <= until], _LINKS, _BAND + _BAND_HEIGHT
        ),
        axis(scale, _BAND + _BAND_HEIGHT + 4, most=10),
        _legend(sorted({touch.channel for touch in touches}, key=CHANNELS.index), height - 8),
    )


def _band(span: Span, scale: TimeScale, period: tuple[datetime, datetime]) -> Markup:
    start, end = scale(max(span.since, period[0])), scale(min(span.until, period[1]))
    said = f"{span.name} from {_time(span.since)} to {_time(span.until)}"
    shape = tag(
        "rect", x=start, y=_BAND, width=max(end - start, 0.6), height=_BAND_HEIGHT,
        class_=f"band stage-{span.position}",
    )  # fmt: skip
    name = (
        text(start + 8, _BAND + 17, span.name, "small", hidden=True)
        if end - start > _NARROWEST_NAME
        else None
    )
    return mark(said, shape, name)


def _link(link: Link, scale: TimeScale) -> Markup:
    x = scale(link.at)
    stem = tag("line", x1=x, x2=x, y1=_LINKS + 7, y2=_BAND + _BAND_HEIGHT, class_="stem")
    rings = [tag("circle", cx=x + side, cy=_LINKS, r=5, class_="ring") for side in (-3.5, 3.5)]
    return mark(link.said, stem, rings)


def _dots(touches: Sequence[Touch], scale: TimeScale) -> list[Markup]:
    """Return a dot for each touch, beside each other where they would hide one another."""
    middle, taken, made = _BAND + _BAND_HEIGHT / 2 + 6, Counter[int](), []
    for touch in touches:
        x = scale(touch.at)
        column = round(x / _STEP)
        level = taken[column] % _MOST_STACKED
        taken[column] += 1
        y = middle + ((level + 1) // 2) * _STEP * (-1 if level % 2 else 1)
        look = "hollow" if touch.left is None else "dot-mark"
        opacity = None if touch.left is None else round(max(touch.left, _FAINTEST), 2)
        dot = tag(
            "circle", cx=x, cy=y, r=_DOT, fill_opacity=opacity, class_=f"{look} channel-{touch.channel}"
        )
        made.append(mark(touch.said, dot))
    return made


def _legend(channels: Sequence[str], y: float) -> list[Markup]:
    made, x = [], _LEFT
    for channel in channels:
        made.append(tag("circle", cx=x + 5, cy=y - 4, r=_DOT, class_=f"channel-{channel}"))
        made.append(text(x + 16, y, channel, "quiet"))
        x += 16 + 7 * len(channel) + 24
    return made


def _time(at: datetime) -> str:
    return f"{at:%-d %b %Y %H:%M}"
