"""Draws horizontal bars of two quantities: a part in a whole, a figure against its goal, or two sides back to back."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.page.charts.svg import figure, mark, text
from streams.page.markup import Child, Markup, tag

__all__ = ["Part", "Sides", "Way", "opposed", "parts"]

_WIDTH, _LINE, _BAR, _NOTE = 480, 44, 12, 18  # px, of parts: half a page, so that they can be read on a phone
_WIDE, _ROW, _THICK, _BELOW = 760, 34, 14, 16.5  # px, of pairs
_MIDDLE, _FIGURE = 190, 56
_MOST, _MOST_MIDDLE = 34, 26  # characters of a label


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
    """Return pairs back to back on one scale, the labels between them; `heads` names the sides."""
    most = max((way.value for row in rows for way in (row.left, row.right)), default=0) or 1.0
    left, right = (_WIDE - _MIDDLE) / 2, (_WIDE + _MIDDLE) / 2
    scale, top = (left - _FIGURE) / most, 26
    drawn: list[Child] = [text(left, 13, heads[0], "quiet", "end"), text(right, 13, heads[1], "quiet")]
    for n, row in enumerate(rows):
        y = top + n * _ROW + (_ROW - _THICK) / 2
        from_x, to_x = left - row.left.value * scale, right + row.right.value * scale
        drawn += [
            text(_WIDE / 2, y + 11.5, _short(row.label, _MOST_MIDDLE), "label", "middle"),
            _way(row.left, from_x, left, from_x - 8, y, "end", "way-left"),
            _way(row.right, right, to_x, to_x + 8, y, "start", "way-right"),
        ]
    says = "; ".join(f"{row.left.says}; {row.right.says}" for row in rows)
    return figure(name, title, says, (_WIDE, top + len(rows) * _ROW + 4), drawn)


def _way(  # noqa: PLR0913, PLR0917 - of one bar
    way: Way, from_x: float, to_x: float, figure_x: float, y: float, anchor: str, class_: str
) -> Markup:
    return mark(
        way.says,
        tag("rect", x=from_x, y=y - _BELOW / 2, width=max(to_x - from_x, 24), height=_ROW, class_="reach"),
        tag("rect", x=from_x, y=y, width=to_x - from_x, height=_THICK, rx=3, class_=f"bar {class_}"),
        text(figure_x, y + 11.5, f"{way.value:,g}", "figure-text", anchor, hidden=True),
        href=way.href,
    )


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
