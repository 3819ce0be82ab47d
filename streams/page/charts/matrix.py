"""Draws a matrix of from and to: each cell with its number, its share, and a depth of colour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streams.page.charts.svg import figure, mark, text
from streams.page.markup import Child, Markup, tag

__all__ = ["Cell", "matrix"]

_WIDTH, _LEFT, _TOP = (
    480,
    70,
    50,
)  # px: in all, so that it can be read on a phone, left of the cells, above them
_HEIGHT, _GAP, _WIDEST = 56, 4, 150
_DEEPEST = 0.4  # opacity: text on it stays readable, light and dark


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell.

    Attributes
    ----------
    number, note
        Its text: the figure, and the smaller line below it.
    depth
        0 to 1: how deep its colour is; None for a cell without colour, since it would drown the others.
    says
        Its name for who does not see it.
    href
        Where it leads; None for nowhere.
    """

    number: str
    note: str
    depth: float | None
    says: str
    href: str | None = None


def matrix(  # noqa: PLR0913 - keywords
    name: str,
    title: str,
    description: str,
    names: Sequence[str],
    cells: Mapping[tuple[str, str], Cell],
    *,
    axes: tuple[str, str],
) -> Markup:
    """Return a square matrix: rows and columns are `names` in their order; a pair without a cell stays empty.

    `axes` says what rows and columns are.
    """
    wide = min(_WIDEST, (_WIDTH - _LEFT) / max(1, len(names)) - _GAP)
    step_x, step_y = wide + _GAP, _HEIGHT + _GAP
    drawn: list[Child] = [text(0, _TOP - 14, axes[0], "quiet"), text(_LEFT, 13, axes[1], "quiet")]
    for n, row in enumerate(names):
        drawn.append(text(_LEFT + n * step_x + wide / 2, _TOP - 14, row, "label", "middle"))
        drawn.append(text(0, _TOP + n * step_y + _HEIGHT / 2 + 5, row, "label"))
        for m, column in enumerate(names):
            drawn.append(_cell(cells.get((row, column)), _LEFT + m * step_x, _TOP + n * step_y, wide))
    return figure(name, title, description, (_WIDTH, _TOP + len(names) * step_y), drawn)


def _cell(cell: Cell | None, x: float, y: float, wide: float) -> Markup:
    def ground(kind: str, **more: float) -> Markup:
        return tag("rect", x=x, y=y, width=wide, height=_HEIGHT, rx=6, class_=kind, **more)

    if cell is None:
        return ground("cell-ground none")
    depth = None if cell.depth is None else _DEEPEST * min(1.0, max(0.0, cell.depth))
    shapes = [
        ground("cell-ground"),
        None if depth is None else ground("cell-tint", fill_opacity=depth),
        text(x + wide / 2, y + 25, cell.number, "figure-text", "middle", hidden=True),
        text(x + wide / 2, y + 43, cell.note, "quiet", "middle", hidden=True),
    ]
    return mark(cell.says, shapes, href=cell.href, class_="mark cell")
