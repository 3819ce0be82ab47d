"""Finds the cascade that carries a spike of advocacy, from its touches upwards, at a cost that depends on these alone."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from journey.cascades import Edge, Naming, edges, nodes
from streams.clock import exact
from streams.store.clickhouse import ClickHouse

__all__ = ["SCOPES", "AdvocacyTouch", "Leading", "Window", "leading", "touches_of"]

SCOPES = ("channel", "place", "product", "content")
_MOST_TOUCHES = 50_000  # of a window, the latest
_MOST_NAMES, _ASKED = 5_000, 500  # causes that are looked up in a generation, those named most; in one query
_MOST_GENERATIONS = 64
_CODE = "if(JSONType(properties, 'share_code') = 'String', JSONExtractString(properties, 'share_code'), '')"
_REASON = "if(JSONType(properties, 'reason') = 'String', substringUTF8(JSONExtractString(properties, 'reason'), 1, 100), '')"
_TOUCHES = f"""
    SELECT a.customer, a.type, a.channel, a.place, a.product, a.content, {_REASON},
        i.event, toUnixTimestamp64Micro(i.time), i.id, {_CODE}, i.cause, toString(i.source)
    FROM
    (
        SELECT customer, handle, time, type, channel, place, product, content
        FROM advocacy_touches(model = (SELECT model FROM model_in_force), since = {{since:DateTime64(6, 'UTC')}}, until = {{until:DateTime64(6, 'UTC')}})
        WHERE brand = {{brand:String}} AND sign(weight) = {{sign:Int8}}
            AND ({{channel:String}} = '' OR channel = {{channel:String}}) AND ({{place:String}} = '' OR place = {{place:String}})
            AND ({{product:String}} = '' OR product = {{product:String}}) AND ({{content:String}} = '' OR content = {{content:String}})
    ) AS a
    INNER JOIN
    (
        SELECT event, handle, time, type, content, source, id, cause, properties
        FROM interactions
        WHERE brand = {{brand:String}} AND time >= {{since:DateTime64(6, 'UTC')}} AND time < {{until:DateTime64(6, 'UTC')}}
    ) AS i ON i.handle = a.handle AND i.time = a.time AND i.type = a.type AND i.content = a.content
    ORDER BY i.time DESC, i.source, i.id, i.event LIMIT {_MOST_TOUCHES}
"""
_NAMED = f"""
    SELECT event, toUnixTimestamp64Micro(time), id, {_CODE} AS code, cause, toString(source)
    FROM interactions
    WHERE brand = {{brand:String}} AND NOT startsWith(type, 'identity.') AND """
_BY_ID = "id IN {names:Array(String)}"
_BY_CODE = "position(properties, 'share_code') > 0 AND code IN {names:Array(String)}"


@dataclass(frozen=True, slots=True)
class Window:
    """The scope of a search for advocacy: a brand in [since, until) of event time, narrowed to values of SCOPES.

    `direction` is 1 for praise, -1 for anger.
    """

    brand: str
    since: datetime
    until: datetime
    scope: Mapping[str, str] = field(default_factory=dict)
    direction: Literal[1, -1] = 1


class AdvocacyTouch(NamedTuple):
    """A touch of advocacy by one customer in a window."""

    customer: int
    type: str
    channel: str
    place: str
    product: str
    content: str
    reason: str
    """Why, in the words of the event's property `reason`; at most 100 characters, "" without."""
    named: Naming


@dataclass(frozen=True, slots=True)
class Leading:
    """The cascade with most of the advocates in a window: `advocates` of the `of` customers who gave any there.

    `type` and `content` are those of the start; empty where nobody has sent it, and `root_id` is how it is named.
    """

    root: int
    root_id: str
    advocates: int
    of: int
    type: str = ""
    content: str = ""


def touches_of(store: ClickHouse, window: Window, *, most_s: float = 0.0) -> list[AdvocacyTouch]:
    """Return the praise, or the attacks, of a window that nobody has undone, the latest first: at most 50,000.

    Raises
    ------
    ValueError
        A scope of another name than SCOPES.
    QueryError
        It takes longer than `most_s`; 0 is no limit.
    """
    if unknown := window.scope.keys() - set(SCOPES):
        raise ValueError(f"no scope {', '.join(sorted(unknown))}: use {', '.join(SCOPES)}")
    return _Search(store, window, most_s).touches()


def leading(
    store: ClickHouse, window: Window, *, touches: Sequence[AdvocacyTouch] | None = None, most_s: float = 0.0
) -> Leading | None:
    """Return the cascade that carries most of the advocacy in a window, or None where none carries any.

    Customers count, once each, who gave evidence for advocacy, or against it, by the active model. Of equals, the
    cascade that starts first is returned, by source and id at one time. What is more than 64 generations up is not looked for.

    Parameters
    ----------
    touches
        Those of the window, where they are known.

    Raises
    ------
    ValueError, QueryError
        As `touches_of`; `most_s` is for each query.
    """
    found = touches_of(store, window, most_s=most_s) if touches is None else touches
    if not any(touch.named.cause for touch in found):
        return None
    search = _Search(store, window, most_s)
    known = search.upwards(touch.named for touch in found)
    found_edges = edges(known.values())
    placed = nodes(found_edges)
    people: dict[int, set[int]] = defaultdict(set)
    for touch in found:
        if touch.named.event in placed:
            people[placed[touch.named.event].root].add(touch.customer)
    if not people:
        return None
    most = max(map(len, people.values()))
    root = min((each for each, who in people.items() if len(who) == most), key=_age(known, found_edges))
    named, kind, content = search.start(root, known)
    everybody = len({touch.customer for touch in found})
    return Leading(root, named, len(people[root]), everybody, kind, content)


def _age(known: Mapping[int, Naming], found: Mapping[int, Edge]) -> Callable[[int], tuple[Any, ...]]:
    """Return what orders roots: the age of the start; of one that nobody has sent, of the first that it brought."""

    def age(root: int) -> tuple[Any, ...]:
        if root in known:
            return known[root].age
        return min(known[event].age for event, edge in found.items() if edge.parent == root)

    return age


class _Search:
    """Queries about one window."""

    def __init__(self, store: ClickHouse, window: Window, most_s: float) -> None:
        self._store, self._window = store, window
        self._settings = {"max_execution_time": most_s} if most_s else {}

    def _query(self, sql: str, **more: Any) -> Iterable[Any]:
        return self._store.query(sql, {"brand": self._window.brand} | more, self._settings)

    def touches(self) -> list[AdvocacyTouch]:
        """Return the advocacy of the window."""
        window = self._window
        rows = self._query(
            _TOUCHES,
            since=exact(window.since),
            until=exact(window.until),
            sign=window.direction,
            **{name: window.scope.get(name, "") for name in SCOPES},
        )
        return [
            AdvocacyTouch(
                int(customer),
                str(kind),
                str(channel),
                str(place),
                product,
                content,
                why,
                self._naming(*named),
            )
            for customer, kind, channel, place, product, content, why, *named in rows
        ]

    def _naming(self, event: int, time_us: int, *names: str) -> Naming:
        own, code, cause, source = names
        return Naming(event, time_us, self._window.brand, own, code, cause, source)

    def upwards(self, touches: Iterable[Naming]) -> dict[int, Naming]:
        """Return touches with all that brought them, by event."""
        known = {touch.event: touch for touch in touches}
        asked: set[str] = set()
        fresh: Collection[Naming] = known.values()
        for _ in range(_MOST_GENERATIONS):
            count = Counter(touch.cause for touch in fresh if touch.cause and touch.cause not in asked)
            names = [name for name, _ in sorted(count.items(), key=lambda one: (-one[1], one[0]))][
                :_MOST_NAMES
            ]
            if not names:
                break
            asked.update(names)
            fresh = self._of_names(names)
            known |= {touch.event: touch for touch in fresh}
        return known

    def _of_names(self, names: list[str]) -> list[Naming]:
        """Return the touches that have these as id, and of names that are no id, those that have them as share code."""
        found = self._having(_BY_ID, names)
        ids = {touch.id for touch in found}
        return found + self._having(_BY_CODE, [name for name in names if name not in ids])

    def _having(self, which: str, names: list[str]) -> list[Naming]:
        return [
            self._naming(*row)
            for first in range(0, len(names), _ASKED)
            for row in self._query(_NAMED + which, names=names[first : first + _ASKED])
        ]

    def start(self, root: int, known: Mapping[int, Naming]) -> tuple[str, str, str]:
        """Return id, type and content of the start of a cascade; of one that nobody has sent, how it is named."""
        if root not in known:
            found = edges(known.values())
            return next(known[event].cause for event, edge in found.items() if edge.parent == root), "", ""
        at_us = known[root].time_us
        rows = self._query(
            "SELECT type, content FROM interactions WHERE brand = {brand:String} AND event = toUInt128({root:String})"
            " AND toUnixTimestamp64Micro(time) = {at:Int64} AND toDate32(time) = toDate32(fromUnixTimestamp64Micro({at:Int64}, 'UTC'))",
            root=str(root),
            at=at_us,
        )
        for kind, content in rows:
            return known[root].id, str(kind), str(content)
        return known[root].id, "", ""  # whoever sent it was forgotten meanwhile
