"""Draws the flow of customers between stages: a column for each instant, so that lapse and return make no cycle."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from journey.stage import STAGES, Stage
from streams.page.charts.moments import moments
from streams.page.charts.svg import figure, mark, text
from streams.page.markup import Markup, tag

__all__ = ["NEW", "Move", "Node", "flow"]

NEW = -1  # a customer who was not there yet
LOWER = (int(Stage.NONE), NEW)
ORDER = (*reversed([int(stage) for stage in STAGES]), *LOWER)
_WIDTH, _HEIGHT, _TOP = 1040.0, 560.0, 34.0
_LEFT, _RIGHT, _BAR, _GAP, _APART = 60.0, 150.0, 12.0, 14.0, 34.0
_READABLE = 11.0  # height of a bar that has room for its figure


@dataclass(frozen=True, slots=True)
class Move:
    """Customers who stood `here` at an instant and `there` at the next; `step` counts from 0."""

    step: int
    here: int
    there: int
    customers: int

    @property
    def drawn(self) -> bool:
        """Whether it is a ribbon: who had no stage and has none is only counted."""
        return max(self.here, self.there) > Stage.NONE


@dataclass(frozen=True, slots=True)
class Node:
    """The customers at a stage at one instant; of those without a stage, and of newcomers, who comes or goes."""

    column: int
    state: int
    customers: int


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    height: float


def flow(  # noqa: PLR0913 - keywords
    title: str,
    description: str,
    moves: Sequence[Move],
    columns: Sequence[str],
    *,
    names: Callable[[int], str],
    tell: Callable[[Move], str],
    move_href: Callable[[Move], str | None],
    node_href: Callable[[Node], str | None],
    marked: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Return the figure.

    Parameters
    ----------
    columns
        The label over each instant; there is one step fewer.
    names
        What a state is called.
    tell
        What a ribbon says.
    marked
        Moments: between which columns, 0 being the first, and what each says.
    """
    ribbons = [move for move in moves if move.drawn]
    nodes = _nodes(ribbons, len(columns))
    boxes, scale = _places(nodes, len(columns))
    return figure(
        "flow",
        title,
        description,
        (_WIDTH, _HEIGHT),
        [text(boxes[column, ORDER[0]].x, 16, said, "quiet", _anchor(column, len(columns))) for column, said in enumerate(columns)],
        list(_ribbons(ribbons, boxes, scale, tell, move_href)),
        [_bar(node, boxes, columns, names, node_href) for node in nodes.values()],
        _left(nodes, boxes),
        _legend(nodes, boxes, len(columns) - 1, names),
        moments([(_LEFT + place * (_WIDTH - _LEFT - _RIGHT - _BAR) / max(len(columns) - 1, 1), said) for place, said in marked], 22, _HEIGHT - 4),
    )  # fmt: skip


def _anchor(column: int, count: int) -> str:
    return "start" if column in {0, count - 1} else "middle"


def _nodes(ribbons: Sequence[Move], count: int) -> dict[tuple[int, int], Node]:
    out, into = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    for move in ribbons:
        out[move.step, move.here] += move.customers
        into[move.step + 1, move.there] += move.customers
    places = ((column, state) for column in range(count) for state in ORDER)
    return {place: Node(*place, max(out[place], into[place])) for place in places}


def _places(nodes: dict[tuple[int, int], Node], count: int) -> tuple[dict[tuple[int, int], _Box], float]:
    """Return where each node's bar is, and the height of one customer: the same in every column."""
    lowest = _HEIGHT - 16
    most = max(sum(nodes[column, state].customers for state in ORDER) for column in range(count)) or 1
    scale = (lowest - _TOP - _GAP * (len(ORDER) - 2) - _APART) / most
    boxes = {}
    for column in range(count):
        x = _LEFT + column * (_WIDTH - _LEFT - _RIGHT - _BAR) / max(count - 1, 1)
        y = lowest
        for state in reversed(ORDER):
            height = nodes[column, state].customers * scale
            y -= height
            boxes[column, state] = _Box(x, y, height)
            y -= _APART if state == Stage.NONE else _GAP
    return boxes, scale


def _ribbons(
    ribbons: Sequence[Move],
    boxes: dict[tuple[int, int], _Box],
    scale: float,
    tell: Callable[[Move], str],
    href: Callable[[Move], str | None],
) -> Iterator[Markup]:
    """Yield ribbons, each side of a bar filled from the top; the widest first, so that the thin lie above."""
    left, right = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    rank = {state: n for n, state in enumerate(ORDER)}
    starts, ends = {}, {}
    for move in sorted(ribbons, key=lambda move: (move.step, rank[move.here], rank[move.there])):
        starts[move] = left[move.step, move.here]
        left[move.step, move.here] += move.customers
    for move in sorted(ribbons, key=lambda move: (move.step, rank[move.there], rank[move.here])):
        ends[move] = right[move.step, move.there]
        right[move.step, move.there] += move.customers
    for move in sorted(ribbons, key=lambda move: -move.customers):
        a, b = boxes[move.step, move.here], boxes[move.step + 1, move.there]
        band = _band(
            (a.x + _BAR, a.y + starts[move] * scale), (b.x, b.y + ends[move] * scale), move.customers * scale
        )
        shape = tag("path", d=band, class_=f"ribbon stage-{max(move.there, 0)}")
        yield mark(tell(move), shape, href=href(move))


def _band(start: tuple[float, float], end: tuple[float, float], height: float) -> str:
    """Return a ribbon of constant height, at least a hairline, from one side to the other."""
    (x, y), (x2, y2), h = start, end, max(height, 0.8)
    middle = (x + x2) / 2
    return (
        f"M{x:.1f} {y:.1f}C{middle:.1f} {y:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}v{h:.1f}"
        f"C{middle:.1f} {y2 + h:.1f} {middle:.1f} {y + h:.1f} {x:.1f} {y + h:.1f}Z"
    )


def _bar(
    node: Node,
    boxes: dict[tuple[int, int], _Box],
    columns: Sequence[str],
    names: Callable[[int], str],
    href: Callable[[Node], str | None],
) -> Markup | None:
    if not node.customers:
        return None
    box = boxes[node.column, node.state]
    said = f"{columns[node.column]}: {node.customers:,} {names(node.state)}"
    shape = tag(
        "rect", x=box.x, y=box.y, width=_BAR, height=max(box.height, 1), rx=2,
        class_="newcomers" if node.state == NEW else f"stage-{node.state}",
    )  # fmt: skip
    room = box.height >= _READABLE and 0 < node.column < len(columns) - 1 and node.state > Stage.NONE
    figure_ = (
        text(box.x + _BAR + 6, box.y + box.height / 2 + 4, f"{node.customers:,}", "small", hidden=True)
        if room
        else None
    )
    return mark(said, shape, figure_, href=href(node))


def _left(nodes: dict[tuple[int, int], Node], boxes: dict[tuple[int, int], _Box]) -> list[Markup]:
    """Return the labels left of the first bars that are there: figures, and who is new."""
    made, lowest = [], 0.0
    for state in ORDER:
        box, customers = boxes[0, state], nodes[0, state].customers
        if customers and state != Stage.NONE:
            lowest = y = max(box.y + box.height / 2 + 4, lowest + 15)
            made.append(
                text(box.x - 10, y, "new" if state == NEW else f"{customers:,}", "quiet", "end", hidden=True)
            )
    return made


def _legend(
    nodes: dict[tuple[int, int], Node],
    boxes: dict[tuple[int, int], _Box],
    last: int,
    names: Callable[[int], str],
) -> list[Markup]:
    """Return the names at the right edge, pushed apart where bars are thin."""
    made, lowest = [], 0.0
    for state in ORDER[: len(STAGES) + 1]:
        box = boxes[last, state]
        y = max(box.y + box.height / 2 + 4, lowest + 17)
        lowest = y
        said = names(state) if state == Stage.NONE else f"{names(state)}  {nodes[last, state].customers:,}"
        made.append(text(box.x + _BAR + 10, y, said, "label", hidden=True))
    return made
