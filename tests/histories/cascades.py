"""Who brought whom, by word-of-mouth.md: the state of each event that names a cause, and the tree of each start."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tests.histories.oracle import Key, Oracle, Stored

__all__ = ["Cascade", "Node", "cascades", "edges"]

CLOCKS_US = 300_000_000  # by how much an effect may be older than its cause
Node = Key | tuple[str, str]  # an event, or brand and name of a cause that nobody has sent


@dataclass(frozen=True)
class Cascade:
    """What one start brought. `reached` has the generation and time of each customer's earliest touch after the start."""

    brand: str
    root: Node
    starter: int | None
    started_us: int | None
    last_us: int
    touches: int
    depth: int
    reached: Mapping[int, tuple[int, int]]
    converted: int
    revenue: Mapping[str, Decimal]


def edges(oracle: Oracle) -> dict[Key, tuple[str, Node]]:
    """Return the state and the cause of every touch that names one."""
    cause_of = _causes(oracle.touches)
    found: dict[Key, tuple[str, Node]] = {}
    for one in oracle.touches:
        if name := one.event.text("cause"):
            cause = cause_of.get((one.event.brand, name))
            found[one.key] = (_state(one, cause, cause_of), cause.key if cause else (one.event.brand, name))
    for first in _firsts_of_cycles(oracle, found):
        found[first] = ("disordered", found[first][1])
    return found


def _causes(touches: Iterable[Stored]) -> dict[tuple[str, str], Stored]:
    """Return what has each name in each brand: the earliest with this id, else with this share code."""
    named: dict[tuple[str, str], list[tuple[bool, Stored]]] = defaultdict(list)
    for one in touches:
        named[one.event.brand, one.event.id].append((False, one))
        if code := (one.event.properties or {}).get("share_code"):
            named[one.event.brand, code].append((True, one))
    return {name: min(those, key=lambda each: (each[0], each[1].order))[1] for name, those in named.items()}


def _state(one: Stored, cause: Stored | None, cause_of: Mapping[tuple[str, str], Stored]) -> str:
    if cause is None:
        return "missing"
    if cause is one:
        return "self"
    lead_us = cause.event.at_us - one.event.at_us
    if lead_us > CLOCKS_US:
        return "early"
    if lead_us <= 0:
        return "joined"
    above = cause_of.get((cause.event.brand, cause.event.text("cause")))
    if above is None or above is cause or above.event.at_us - cause.event.at_us > CLOCKS_US:
        return "joined"  # nothing brought the cause
    return "joined" if above.event.at_us <= one.event.at_us else "disordered"


def _firsts_of_cycles(oracle: Oracle, found: Mapping[Key, tuple[str, Node]]) -> set[Key]:
    """Return, of each cycle, the first by source and id of the events of its earliest time."""
    firsts = set()
    for start in found:
        walked: list[Node] = []
        node: Node = start
        while node in found and found[node][0] == "joined" and node not in walked:  # type: ignore[index]
            walked.append(node)
            node = found[node][1]  # type: ignore[index]
        if node == start and walked:
            cycle = [oracle.stored[key] for key in walked]  # type: ignore[index]
            earliest_us = min(one.event.at_us for one in cycle)
            firsts.add(
                min((one for one in cycle if one.event.at_us == earliest_us), key=lambda one: one.name).key
            )
    return firsts


def cascades(oracle: Oracle) -> list[Cascade]:
    """Return the cascade of every start."""
    parent = {key: cause for key, (state, cause) in edges(oracle).items() if state in {"joined", "missing"}}
    members: dict[Node, dict[Key, int]] = defaultdict(dict)
    for key in parent:
        node: Node = key
        generation = 0
        while node in parent:
            node = parent[node]  # type: ignore[index]
            generation += 1
        members[node][key] = generation
    return [_cascade(oracle, root, those) for root, those in members.items()]


def _cascade(oracle: Oracle, root: Node, members: Mapping[Key, int]) -> Cascade:
    start = oracle.stored[root] if len(root) == 3 else None
    starter = oracle.customer[start.key[2]] if start else None
    touches = [oracle.stored[key] for key in members]
    reached: dict[int, tuple[int, int]] = {}
    for at_us, generation, customer in sorted(
        (one.event.at_us, members[one.key], oracle.customer[one.key[2]]) for one in touches
    ):
        if customer != starter:
            reached.setdefault(customer, (generation, at_us))
    bought = {oracle.customer[one.key[2]] for one in touches if (oracle.revenue_of(one.event) or 0) > 0}
    return Cascade(
        brand=touches[0].event.brand,
        root=root,
        starter=starter,
        started_us=start.event.at_us if start else None,
        last_us=max(one.event.at_us for one in [*touches, *([start] if start else [])]),
        touches=len(touches),
        depth=max(members.values()),
        reached=reached,
        converted=len(bought - {starter}),
        revenue=oracle.revenue(touches),
    )


def breadth(cascade: Cascade) -> int:
    """Return the most customers who were first reached in one generation."""
    return max(Counter(generation for generation, _ in cascade.reached.values()).values(), default=0)
