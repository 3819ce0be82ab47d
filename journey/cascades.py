"""Builds cascades from the set of touches: trees of which customer brought which; the views are checked against it.

A touch names its cause: the id of another touch of its brand, else a share code that one carries. Where several have
it, the earliest by (time, source, id) counts, so that the answer is a function of the set, and not of an order or of the
handle key.

No cycle can be left. An effect joins a cause that is older, or of the same time. One that is older than its cause, by no
more than clocks may differ, joins only where the cause of the cause is no younger than the effect (or there is none):
going up, no time is won. So a cycle goes through touches of one time alone; the first of them by (source, id) starts the
cascade, and the others follow.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["MAX_GENERATIONS", "SKEW_US", "Edge", "Naming", "Node", "edges", "nodes", "unsent"]

SKEW_US = (
    300_000_000  # by which an effect may be older than its cause: the clocks of a page and a till differ
)
MAX_GENERATIONS = 131_072  # that the views look up: they double their reach 17 times

State = Literal["joined", "missing", "self", "early", "disordered"]


@dataclass(frozen=True, slots=True)
class Naming:
    """A touch with its id, its share code and the cause that it names; "" is for none."""

    event: int
    time_us: int
    brand: str
    id: str
    code: str = ""
    cause: str = ""
    source: str = ""

    @property
    def age(self) -> tuple[int, str, str, int]:
        """Return what orders touches, the older first; the key, a hash, parts only those of one source and id."""
        return self.time_us, self.source, self.id, self.event


@dataclass(frozen=True, slots=True)
class Edge:
    """The cause that a touch names, and whether that link is valid; only joined and missing ones make trees."""

    parent: int
    state: State


@dataclass(frozen=True, slots=True)
class Node:
    """The position of a touch: the start of its cascade, its parent (0 for the start), steps from the start."""

    root: int
    parent: int
    generation: int


def unsent(brand: str, cause: str) -> int:
    """Return the key of a cause that nobody has sent: all touches with that cause are in one cascade.

    >>> unsent("lumiere", "x") == unsent("lumiere", "y")
    False
    """
    digest = hashlib.md5(f"{brand}\0{cause}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "little")


def edges(touches: Iterable[Naming]) -> dict[int, Edge]:
    """Return the edge of every touch that names a cause, by event."""
    everything = list(touches)
    named = _named(everything)
    found = {touch.event: _edge(touch, named) for touch in everything if touch.cause}
    known = {touch.event: touch for touch in everything}
    for event in _first_of_cycles(found, known):
        found[event] = Edge(found[event].parent, "disordered")
    return found


def _first_of_cycles(found: Mapping[int, Edge], known: Mapping[int, Naming]) -> list[int]:
    """Return the first touch of every cycle."""
    first = []
    seen: set[int] = set()
    for start in found:
        way: list[int] = []
        event = start
        while event not in seen and event in found and found[event].state == "joined":
            seen.add(event)
            way.append(event)
            event = found[event].parent
        if event in way:
            cycle = [known[each] for each in way[way.index(event) :]]
            since = min(touch.time_us for touch in cycle)
            first.append(
                min((touch for touch in cycle if touch.time_us == since), key=lambda each: each.age).event
            )
    return first


def _named(touches: Iterable[Naming]) -> dict[tuple[str, str], Naming]:
    """Return what each name means in each brand: ids before share codes, and the earliest."""
    codes: dict[tuple[str, str], Naming] = {}
    ids: dict[tuple[str, str], Naming] = {}
    for touch in touches:
        for names, name in ((ids, touch.id), (codes, touch.code)):
            key = touch.brand, name
            if name and (key not in names or touch.age < names[key].age):
                names[key] = touch
    return codes | ids


def _edge(effect: Naming, named: Mapping[tuple[str, str], Naming]) -> Edge:
    cause = named.get((effect.brand, effect.cause))
    if cause is None:
        return Edge(unsent(effect.brand, effect.cause), "missing")
    if cause.event == effect.event:
        return Edge(cause.event, "self")
    if cause.time_us - effect.time_us > SKEW_US:
        return Edge(cause.event, "early")
    if cause.time_us <= effect.time_us or _is_made_up_for(effect, cause, named):
        return Edge(cause.event, "joined")
    return Edge(cause.event, "disordered")


def _is_made_up_for(effect: Naming, cause: Naming, named: Mapping[tuple[str, str], Naming]) -> bool:
    """Whether a cause that is younger than its effect starts a cascade, or was brought by something not younger."""
    before = named.get((cause.brand, cause.cause))
    if before is None or before.event == cause.event or before.time_us - cause.time_us > SKEW_US:
        return True
    return before.time_us <= effect.time_us


def nodes(found: Mapping[int, Edge]) -> dict[int, Node]:
    """Return the place of every touch in a cascade, starts included, by event."""
    parents = {event: edge.parent for event, edge in found.items() if edge.state in {"joined", "missing"}}
    tops: dict[int, tuple[int, int]] = {}
    for parent in parents.values():
        _climb(parent, parents, tops)
    starts = {root: Node(root, 0, 0) for root, _ in tops.values()}
    below = {event: Node(tops[parent][0], parent, tops[parent][1] + 1) for event, parent in parents.items()}
    return starts | below


def _climb(event: int, parents: Mapping[int, int], tops: dict[int, tuple[int, int]]) -> None:
    """Enter (root, steps to it) of an event and of all on its way up; what is known already is not walked again."""
    way = []
    while event not in tops and event in parents:
        way.append(event)
        event = parents[event]
    root, generation = tops.setdefault(event, (event, 0))
    for steps, event_below in enumerate(reversed(way), 1):
        tops[event_below] = root, generation + steps
