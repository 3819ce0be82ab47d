"""What must be known after a history, computed slowly and plainly from its lines, by what the documents say."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from typing import Any

from tests.histories.event import KINDS, Event, Handle, Item, area_of, verb_of

__all__ = ["EPOCH_US", "STAGES", "Key", "Named", "Oracle", "Term"]

STAGES = ("attention", "attraction", "affinity", "audience", "advocacy")
EPOCH_US = 1_735_689_600_000_000
DAY_US = 86_400_000_000
_TEXTS = ("content", "product", "place", "campaign", "device", "cause")

Named = tuple[int, str]  # a handle's id, and its kind
Key = tuple[str, str, int]  # source, id, primary handle: what makes an event the same event
IdOf = Callable[[str, Handle], int]


@dataclass(frozen=True)
class Term:
    """The evidence of one event for one stage."""

    at_us: int
    weight: float
    half_life_us: float

    def at(self, now_us: int) -> float:
        return self.weight * 2.0 ** min(1000.0, -(now_us - self.at_us) / self.half_life_us)


@dataclass(frozen=True)
class Stored:
    """The event that counts of all that are the same, with its handles, the primary first."""

    key: Key
    event: Event
    handles: tuple[Named, ...]

    @property
    def name(self) -> tuple[str, str, int]:
        """Source and id; of one source and id, which are events of several people, the key of the event."""
        source, own, handle = self.key
        digest = hashlib.blake2b(f"{source}\0{own}\0{handle}".encode(), digest_size=16).digest()
        return source, own, int.from_bytes(digest, "little")

    @property
    def order(self) -> tuple[Any, ...]:
        """By time; at one time by source and id."""
        return self.event.at_us, self.name


class Oracle:
    """The answers about items in the order in which the log has them: of equal events the first counts.

    Parameters
    ----------
    id_of
        The id of a handle with a brand: a customer is named by the smallest.
    model
        The model's file, parsed.
    """

    def __init__(self, items: Iterable[Item], id_of: IdOf, model: Mapping[str, Any]) -> None:
        self.model = model
        self.id_of = id_of
        self._known: dict[Key, list[tuple[str, Term]]] = {}  # evidence of each event: it is asked for often
        self.reasons: Counter[str] = Counter()
        self.received = self.duplicates = self.differing = 0
        self.conflicts: Counter[tuple[Any, ...]] = Counter()
        self.stored: dict[Key, Stored] = {}
        for item in items:
            self._take(item)
        self.touches = [one for one in self.stored.values() if one.event.is_touch]

    def _take(self, item: Item) -> None:
        self.received += 1
        if item.event is None:
            self.reasons[item.reason] += 1
            return
        handles = self._named(item.event)
        key = (item.event.source, item.event.id, handles[0][0])
        mine = Stored(key, item.event, handles)
        kept = self.stored.setdefault(key, mine)
        if kept is not mine:
            self.duplicates += 1
            differs = changes(kept, mine)
            self.differing += bool(differs)
            self.conflicts.update((key, *change) for change in differs)

    def _named(self, event: Event) -> tuple[Named, ...]:
        """Return handles by priority of kinds; of one kind, the smallest id first."""
        found = {(KINDS.index(kind), self.id_of(event.brand, (kind, form))) for kind, form in event.handles}
        return tuple((identifier, KINDS[code]) for code, identifier in sorted(found))

    @cached_property
    def kinds(self) -> dict[int, str]:
        return {identifier: kind for one in self.stored.values() for identifier, kind in one.handles}

    @cached_property
    def customer(self) -> dict[int, int]:
        """The customer of every handle: the smallest handle that it is linked with, over any number of links."""
        neighbours = defaultdict(set)
        for left, right in self._live():
            neighbours[left].add(right)
            neighbours[right].add(left)
        caps = self.model["identity"]["caps"]
        shared = {
            handle
            for handle, others in neighbours.items()
            if any(count > caps[kind] for kind, count in Counter(self.kinds[o] for o in others).items())
        }
        found: dict[int, int] = {}
        for start in sorted(self.kinds):
            waiting = [start]
            while waiting:
                handle = waiting.pop()
                if handle not in found:
                    found[handle] = start
                    if handle not in shared:
                        waiting += neighbours[handle] - shared
        return found

    def _live(self) -> list[tuple[int, int]]:
        """Return the pairs that some event named together, and that were not withdrawn since they were last linked."""
        said, withdrawn, linked = Counter[Any](), dict[Any, int](), dict[Any, int]()
        for one in self.stored.values():
            for pair in combinations(sorted(identifier for identifier, _ in one.handles), 2):
                said[pair] += one.event.type != "identity.unlink"
                if one.event.type == "identity.unlink":
                    withdrawn[pair] = max(one.event.at_us, withdrawn.get(pair, one.event.at_us))
                if one.event.type == "identity.link":
                    linked[pair] = max(one.event.at_us, linked.get(pair, one.event.at_us))
        return [
            pair
            for pair, count in said.items()
            if count and (pair not in withdrawn or (pair in linked and linked[pair] > withdrawn[pair]))
        ]

    @cached_property
    def by_customer(self) -> dict[tuple[str, int], list[Stored]]:
        """The touches of each customer of each brand."""
        found = defaultdict(list)
        for one in self.touches:
            found[one.event.brand, self.customer[one.key[2]]].append(one)
        return dict(found)

    def terms(self, touches: Iterable[Stored]) -> dict[str, list[Term]]:
        """Return the evidence of touches, by stage."""
        found: dict[str, list[Term]] = {stage: [] for stage in STAGES}
        for one in touches:
            for stage, term in self._terms_of(one):
                found[stage].append(term)
        return found

    def _terms_of(self, one: Stored) -> list[tuple[str, Term]]:
        if one.key not in self._known:
            self._known[one.key] = [
                (stage, Term(one.event.at_us, weight, self.model["stages"][stage]["half_life_days"] * DAY_US))
                for stage in STAGES
                for weight in self.weights(one.event, stage)
            ]
        return self._known[one.key]

    def weights(self, event: Event, stage: str) -> list[float]:
        """Return the weight of every rule of a stage that counts this event."""
        limits = self.model["negative"]
        negative = (event.sentiment is not None and event.sentiment <= limits["sentiment_max"]) or (
            event.rating is not None and event.rating <= limits["rating_max"]
        )
        found = []
        for rule in self.model["stages"][stage]["evidence"]:
            if rule["type"] not in {event.type, f"*.{verb_of(event.type)}"}:
                continue
            if "mood" in rule and (rule["mood"] == "negative") != negative:
                continue
            values = (("rating", event.rating), ("sentiment", event.sentiment), ("amount", event.amount))
            if all(within(value, rule.get(f"{name}_min"), rule.get(f"{name}_max")) for name, value in values):
                found.append(float(rule["weight"]))
        return found

    def channel(self, event: Event) -> str:
        return str(self.model["channels"].get(area_of(event.type), "other"))

    def revenue_of(self, event: Event) -> Decimal | None:
        """Return the revenue of one event: a refund takes away whatever its sign; None without an amount."""
        if event.amount is None:
            return None
        for name, sign in (("add", 1), ("subtract", -1)):
            if {event.type, f"*.{verb_of(event.type)}"} & set(self.model["revenue"][name]):
                return event.amount if sign > 0 else -abs(event.amount)
        return Decimal(0)

    def revenue(self, touches: Iterable[Stored]) -> dict[str, Decimal]:
        """Return revenue by currency; no currency of 0."""
        total: defaultdict[str, Decimal] = defaultdict(Decimal)
        for one in touches:
            if (money := self.revenue_of(one.event)) is not None:
                total[one.event.currency] += money
        return {currency: money for currency, money in total.items() if money}

    def score(self, terms: Sequence[Term], now_us: int) -> tuple[float | None, float]:
        """Return a score, None without evidence, and the size of what went into it."""
        parts = [term.at(now_us) for term in terms]
        return (math.fsum(parts) if parts else None), math.fsum(map(abs, parts))

    def stages(self, terms: Mapping[str, Sequence[Term]], now_us: int) -> set[str]:
        """Return the highest stage whose score reaches its threshold; two or more where rounding may decide."""
        found = set()
        for stage in reversed(STAGES):
            score, size = self.score(terms[stage], now_us)
            if score is None:
                continue
            threshold = self.model["stages"][stage]["threshold"]
            unsure = 3e-9 * max(size, threshold)
            if score > threshold - unsure:
                found.add(stage)
                if score > threshold + unsure:
                    return found
        return found | {"none"}


def within(value: Decimal | float | None, low: float | None, high: float | None) -> bool:
    """Return whether bounds hold; a rule with any counts only events that carry the field."""
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def changes(kept: Stored, repeated: Stored) -> list[tuple[str, str, str]]:
    """Return each field in which a repeat differs, with both values; of handles and properties that they differ."""
    one, other = kept.event, repeated.event
    found = []
    for name in ("brand", "type", "currency", "rating", "sentiment", "amount", *_TEXTS):
        left, right = (e.text(name) if name in _TEXTS else getattr(e, name) for e in (one, other))
        if left != right:
            found.append((name, shown(left), shown(right)))
    if one.at_us != other.at_us:
        found.append(("time", str(one.at_us), str(other.at_us)))
    if set(kept.handles) != set(repeated.handles):
        found.append(("handles", "", ""))
    if one.properties is not None and one.properties != other.properties:
        found.append(("properties", "", ""))
    return found


def shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value + 0:.4f}".rstrip("0").rstrip(".") if isinstance(value, Decimal) else str(value)
