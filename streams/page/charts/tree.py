"""Draws a tree that grows with time: each customer on a line, below the customer who brought them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from streams.page.charts.svg import TimeScale, axis, figure, mark, text
from streams.page.markup import Child, Markup, tag

__all__ = ["EDGES", "MOST_LINES", "Leaf", "tree"]

MOST_LINES = 60  # the largest branches; smaller ones are counted in a line of their own
EDGES = (12, 550)  # px across: where the start and the last one stand
_LINE, _TOP, _WIDTH = 26, 34, 760  # px
_BEND, _DOT = 7, 5


@dataclass(slots=True)
class Leaf:
    """A customer in the tree.

    Attributes
    ----------
    above
        Key of the customer who brought this one; where that is not known before, the parent is the start.
    label
        The words beside the dot.
    says
        Name of the dot for who does not see it.
    kind
        Classes of the dot.
    """

    key: str
    above: str
    at: datetime
    label: str
    says: str
    kind: str = ""
    href: str | None = None
    below: list["Leaf"] = field(default_factory=list)


def tree(  # noqa: PLR0913 - keywords
    name: str,
    title: str,
    description: str,
    leaves: Sequence[Leaf],
    *,
    until: datetime | None = None,
    zone: tzinfo = UTC,
) -> Markup:
    """Return the tree: across is time, and each customer has a line. Every branch carries its instant as data-at.

    Parameters
    ----------
    leaves
        In order of time, the start first; at least one.
    until
        Those reached later have the class later; None for no such moment.
    """
    start = leaves[0].at
    scale = TimeScale(start, max(leaf.at for leaf in leaves), *EDGES, zone)
    lines = _lines(_hung(leaves))
    foot = _TOP + len(lines) * _LINE
    rows = {leaf.key: _TOP + (n + 0.5) * _LINE for n, (_, leaf) in enumerate(lines)}

    def place(leaf: Leaf) -> tuple[float, float]:
        return scale(leaf.at), rows[leaf.key]

    def after(leaf: Leaf) -> float:
        return (leaf.at - start).total_seconds()

    def kind(leaf: Leaf, name: str) -> str:
        return f"branch {name} later" if until is not None and leaf.at > until else f"branch {name}"

    now = scale(min(until or scale.high, scale.high))
    return figure(
        name,
        title,
        description,
        (_WIDTH, foot + 24),
        axis(scale, foot, most=8, reach=foot - _TOP + 12) if scale.high > scale.low else None,
        tag("line", x1=now, x2=now, y1=_TOP - 12, y2=foot, class_="now"),
        [_twig(above, leaf, place, data_at=after(leaf), class_=kind(leaf, "twig")) for above, leaf in lines],
        [_dot(leaf, place, data_at=after(leaf), class_=kind(leaf, "who")) for _, leaf in lines],
    )


def _hung(leaves: Sequence[Leaf]) -> Leaf:
    """Return the start, with everybody below the customer who brought them."""
    top, known = leaves[0], {leaves[0].key: leaves[0]}
    for leaf in leaves[1:]:
        known.get(leaf.above, top).below.append(leaf)
        known[leaf.key] = leaf
    return top


def _lines(top: Leaf) -> list[tuple[Leaf | None, Leaf]]:
    """Return (above, leaf) line by line; of more than MOST_LINES the largest branches."""
    sizes = _sizes(top)
    order = sorted(sizes.values(), key=lambda sized: (-sized[1], sized[0].at))
    kept = {leaf.key for leaf, _ in order[:MOST_LINES]}
    lines: list[tuple[Leaf | None, Leaf]] = []
    waiting: list[tuple[Leaf | None, Leaf]] = [(None, top)]
    while waiting:
        above, leaf = waiting.pop()
        lines.append((above, leaf))
        if dropped := [child for child in leaf.below if child.key not in kept]:
            waiting.append((leaf, _more(leaf, dropped, sizes)))
        waiting += [(leaf, child) for child in reversed(leaf.below) if child.key in kept]
    return lines


def _sizes(top: Leaf) -> Mapping[str, tuple[Leaf, int]]:
    """Return each customer with the size of their subtree, themselves included."""
    order, waiting = [], [top]
    while waiting:
        leaf = waiting.pop()
        order.append(leaf)
        waiting += leaf.below
    sizes: dict[str, int] = defaultdict(lambda: 1)
    for leaf in reversed(order):
        sizes[leaf.key] += sum(sizes[child.key] for child in leaf.below)
    return {leaf.key: (leaf, sizes[leaf.key]) for leaf in order}


def _more(leaf: Leaf, dropped: Sequence[Leaf], sizes: Mapping[str, tuple[Leaf, int]]) -> Leaf:
    count = sum(sizes[child.key][1] for child in dropped)
    first = min(child.at for child in dropped)
    return Leaf(
        f"{leaf.key}+", leaf.key, first, f"{count:,} others", f"{count:,} others, in the table", "others"
    )


def _twig(
    above: Leaf | None, leaf: Leaf, place: Callable[[Leaf], tuple[float, float]], **told: str | float
) -> Child:
    """Return the line from a dot down and across to one below it."""
    if above is None:
        return None
    (from_x, from_y), (x, y) = place(above), place(leaf)
    bend = min(_BEND, max(0.0, x - from_x))
    curve = f"q0 {bend:.1f} {bend:.1f} {bend:.1f}"
    return tag("path", d=f"M{from_x:.1f} {from_y + _DOT:.1f}V{y - bend:.1f}{curve}H{x - _DOT:.1f}", **told)


def _dot(leaf: Leaf, place: Callable[[Leaf], tuple[float, float]], **told: str | float) -> Markup:
    x, y = place(leaf)
    dot = tag("circle", cx=x, cy=y, r=_DOT, class_=f"leaf {leaf.kind}".rstrip())
    name = text(x + 12, y + 4, leaf.label, "label", hidden=True)
    return tag("g", mark(leaf.says, dot, name, href=leaf.href), **told)
