"""Draws horizontal bars of two quantities: a part in a whole, a figure against its goal, or two sides back to back."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.page.charts.svg import figure, mark, text
from streams.page.markup import Child, Markup, tag

__all__ = ["Part", "Sides", "Way", "opposed", "parts"]

_WIDTH, _LINE, _BAR, _NOTE = 480, 44, 12, 18  # px, of parts: half a page, so that they can be read on a phone
_ROW, _HEAD, _UNDER, _REACH = (
    46,
    17,
    22,
    26,
)  # px, of pairs: of a row, a line of heads, from label to bars, and that can be pointed at
_MIDDLE, _FIGURE = 12, 48
_MOST = 34  # characters of a label


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a whole, in one unit; `said` is the label beside it, `note` the one below, `says` its name for screen readers.

    Several that are folded into one have no bar: beside it, no other would be seen.
    """

    label: str
    whole: float
    part: float
    said: str
    says: str
    href: str | None = None
    class_: str = "accent"
    several: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One side of a pair, with a way of its own."""

    value: float
    says: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Sides:
    """The two quantities left and right of a label."""

    label: str
    left: Way
    right: Way


def parts(name: str, title: str, rows: Sequence[Part], *, goals: bool = False) -> Markup:
    """Return the rows on one scale; with `goals`, each on its own, and the whole is a goal that may be passed."""
    most = max((max(row.whole, row.part) for row in rows if not row.several), default=0) or 1.0
    line = _LINE + (_NOTE if any(row.note for row in rows) else 0)
    drawn = []
    for n, row in enumerate(rows):
        scale = _WIDTH / ((max(row.whole, row.part) or 1.0) if goals else most)
        drawn.append(_part(row, n * line, scale, goals=goals))
    return figure(name, title, "; ".join(row.says for row in rows), (_WIDTH, len(rows) * line + 4), drawn)


def _part(row: Part, top: float, scale: float, *, goals: bool) -> Markup:
    y, end = top + 22, row.whole * scale
    goal = min(end, _WIDTH - 1)
    bar = [
        tag("rect", x=0, y=y, width=max(end, 1.5), height=_BAR, rx=3, class_="bar whole"),
        tag("rect", x=0, y=y, width=row.part * scale, height=_BAR, rx=3, class_=f"bar {row.class_}"),
        tag("line", x1=goal, x2=goal, y1=y - 4, y2=y + _BAR + 4, class_="goal") if goals else None,
    ]
    return mark(
        row.says,
        tag("rect", x=0, y=top, width=_WIDTH, height=_LINE, class_="reach"),
        text(0, top + 15, _short(row.label, _MOST), "quiet" if row.several else "label", hidden=True),
        text(_WIDTH, top + 15, row.said, "quiet", "end", hidden=True),
        None if row.several else bar,
        text(0, top + _LINE + 5, row.note, "quiet", hidden=True) if row.note else None,
        href=row.href,
    )


def opposed(name: str, title: str, rows: Sequence[Sides], heads: tuple[str, str]) -> Markup:
    """Return pairs back to back on one scale, each under its label; `heads` names the sides, a part a line."""
    most = max((way.value for row in rows for way in (row.left, row.right)), default=0) or 1.0
    left, right = (_WIDTH - _MIDDLE) / 2, (_WIDTH + _MIDDLE) / 2
    scale = (left - _FIGURE) / most
    drawn: list[Child] = []
    for x, head, anchor in ((left, heads[0], "end"), (right, heads[1], "start")):
        drawn += [text(x, 14 + n * _HEAD, line, "quiet", anchor) for n, line in enumerate(head.split(", "))]
    top = 14 + _HEAD * max(len(head.split(", ")) for head in heads)
    for n, row in enumerate(rows):
        y = top + n * _ROW
        from_x, to_x = left - row.left.value * scale, right + row.right.value * scale
        drawn += [
            text(_WIDTH / 2, y + 15, _short(row.label, _MOST), "label", "middle"),
            _way(row.left, from_x, left, from_x - 8, y + _UNDER, "end", "way-left"),
            _way(row.right, right, to_x, to_x + 8, y + _UNDER, "start", "way-right"),
        ]
    says = "; ".join(f"{row.left.says}; {row.right.says}" for row in rows)
    return figure(name, title, says, (_WIDTH, top + len(rows) * _ROW + 4), drawn)


def _way(  # noqa: PLR0913, PLR0917 - of one bar
    way: Way, from_x: float, to_x: float, figure_x: float, y: float, anchor: str, class_: str
) -> Markup:
    reach = max(to_x - from_x, 24)
    return mark(
        way.says,
        tag(
            "rect",
            x=from_x if anchor == "start" else to_x - reach,
            y=y - (_REACH - _BAR) / 2,
            width=reach,
            height=_REACH,
            class_="reach",
        ),
        tag("rect", x=from_x, y=y, width=to_x - from_x, height=_BAR, rx=3, class_=f"bar {class_}"),
        text(figure_x, y + 11, f"{way.value:,g}", "figure-text", anchor, hidden=True),
        href=way.href,
    )


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
