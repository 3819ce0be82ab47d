"""What the tables must say, computed slowly and plainly from the distinct events alone."""

import hashlib
import math
import tomllib
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal

from journey.identity.handle import normalise
from journey.identity.handle_key import AnyKey, handle_id
from streams.clock import from_us, to_us
from tests.laws.history import TEXT

FILE = tomllib.loads(TEXT)
STAGES = ("attention", "attraction", "affinity", "audience", "advocacy")
KINDS = ("user", "email", "phone", "loyalty", "social", "cookie", "device")
EPOCH_US = 1_735_689_600_000_000
DAY_US = 86_400_000_000
CAPS = tuple(FILE["identity"]["caps"][kind] for kind in KINDS)


def named(event: dict, key: AnyKey) -> list[tuple[int, int]]:
    """Return (kind code, handle id) of an event, by priority."""
    pairs = set()
    for kind, values in event["data"]["handles"].items():
        for value in [values] if isinstance(values, str) else values:
            pairs.add(
                (KINDS.index(kind), handle_id(key, kind, normalise(kind, value), event["data"]["brand"]))
            )
    return sorted(pairs)


class Oracle:
    """The answers for lines in the order in which the log has them: of equal events the first counts."""

    def __init__(self, items, key: AnyKey) -> None:
        self.received = len(items)
        self.reasons = Counter(item.reason for item in items if item.event is None)
        self.events = {}
        self.conflicts = Counter()
        self.differing = 0
        for item in items:
            if item.event is not None:
                handles = named(item.event, key)
                text = f"{item.event['source']}\0{item.event['id']}\0{handles[0][1]}"
                name = hashlib.blake2b(text.encode(), digest_size=16).digest()
                kept, _ = self.events.setdefault(name, (item.event, handles))
                differs = [(name, *change) for change in changes(kept, item.event)]
                self.conflicts.update(differs)
                self.differing += bool(differs)
        self.duplicates = self.received - sum(self.reasons.values()) - len(self.events)
        self.touches = [(e, h) for e, h in self.events.values() if not e["type"].startswith("identity.")]
        self.links = self._links()
        self.customers = self._customers()
        self.terms = self._terms()

    def interactions(self) -> dict:
        return {
            name: (
                at(event), event["data"]["brand"], event["type"], event["source"], event["id"], tuple(handles),
                event["data"].get("content", ""), money(event["data"].get("amount")), event["data"].get("rating"),
            )
            for name, (event, handles) in self.events.items()
        }  # fmt: skip

    def minutes(self) -> Counter:
        return Counter((e["data"]["brand"], at(e) // 60_000_000 * 60, e["type"]) for e, _ in self.touches)

    def _links(self) -> dict:
        """Return, by pair and source: how often said, first and last time named, latest unlink and link."""
        said = defaultdict(list)
        for event, handles in self.events.values():
            ids = sorted((identifier, code) for code, identifier in handles)
            for i, (left, left_kind) in enumerate(ids):
                for right, right_kind in ids[i + 1 :]:
                    said[left, right, KINDS[left_kind], KINDS[right_kind], event["source"]].append(event)
        return {
            key: (
                sum(event["type"] != "identity.unlink" for event in events),
                min(map(at, events)),
                max(map(at, events)),
                max((at(event) for event in events if event["type"] == "identity.unlink"), default=None),
                max((at(event) for event in events if event["type"] == "identity.link"), default=None),
            )
            for key, events in said.items()
        }

    def _customers(self) -> dict[int, int]:
        kind = {identifier: code for _, handles in self.events.values() for code, identifier in handles}
        return components(kind, live_links(self.links))

    def _terms(self) -> dict:
        """Return every weight with its growth, by (brand, handle) and stage."""
        terms = defaultdict(lambda: defaultdict(list))
        for event, handles in self.touches:
            place = terms[event["data"]["brand"], handles[0][1]]
            for stage in STAGES:
                half_life_us = FILE["stages"][stage]["half_life_days"] * DAY_US
                grown = 2.0 ** ((at(event) - EPOCH_US) / half_life_us)
                place[stage] += [weight * grown for weight in weights(event, stage)]
        return terms

    def evidence(self) -> dict:
        """Return, by (brand, handle): the exact sums, and counts, revenue, first and last time."""
        facts = defaultdict(list)
        for event, handles in self.touches:
            facts[event["data"]["brand"], handles[0][1]].append(event)
        return {
            key: {stage: self.terms[key][stage] for stage in STAGES}
            | {
                "touches": Counter(channel(event) for event in events),
                "revenue": revenue(events),
                "first_seen": min(map(at, events)),
                "last_seen": max(map(at, events)),
            }
            for key, events in facts.items()
        }

    def stages(self, now_us: int) -> dict:
        """Return the stages that are right for each (brand, customer): two where rounding may decide."""
        gathered = defaultdict(lambda: defaultdict(list))
        for (brand, handle), stages in self.terms.items():
            for stage, terms in stages.items():
                gathered[brand, self.customers[handle]][stage] += terms
        return {key: _allowed(stages, now_us) for key, stages in gathered.items()}


def changes(kept: dict, repeated: dict) -> list[tuple[str, str, str]]:
    """Return each field in which a repeat differs from the event that counts, with both values."""
    fields = ["time", "type", "content", "amount", "currency", "rating", "sentiment"]
    both = [[_said(event, field) for field in fields] for event in (kept, repeated)]
    return [(field, one, other) for field, one, other in zip(fields, *both, strict=True) if one != other]


def _said(event: dict, field: str) -> str:
    if field == "time":
        return from_us(at(event)).isoformat().replace("+00:00", "Z")
    value = event.get(field, event["data"].get(field))
    if field == "amount" and value is not None:
        return f"{money(value).normalize():f}"
    if field == "sentiment" and value is not None:
        return str(float(value))
    return "" if value is None else str(value)


def at(event: dict) -> int:
    return to_us(datetime.fromisoformat(event["time"]))


def money(amount):
    return None if amount is None else Decimal(f"{amount:.4f}")


def channel(event: dict) -> str:
    return FILE["channels"].get(event["type"].split(".")[0], "other")


def revenue(events) -> dict:
    total = defaultdict(Decimal)
    for event in events:
        verb = event["type"].split(".")[1]
        if verb in ("purchase", "refund") and "amount" in event["data"]:
            amount = money(event["data"]["amount"])
            total[event["data"]["currency"]] += amount if verb == "purchase" else -abs(amount)
    return dict(total)


def weights(event: dict, stage: str):
    """Return the weight of every rule of the stage that counts this event."""
    verb = event["type"].split(".")[1]
    rating, sentiment = event["data"].get("rating"), event["data"].get("sentiment")
    limits = FILE["negative"]
    angry = (sentiment is not None and sentiment <= limits["sentiment_max"]) or (
        rating is not None and rating <= limits["rating_max"]
    )
    for rule in FILE["stages"][stage]["evidence"]:
        if rule["type"] not in (event["type"], f"*.{verb}"):
            continue
        if "mood" in rule and angry != (rule["mood"] == "negative"):
            continue
        low, high = rule.get("rating_min"), rule.get("rating_max")
        if (low is None and high is None) or (
            rating is not None and (low is None or rating >= low) and (high is None or rating <= high)
        ):
            yield rule["weight"]


def live_links(links) -> list[tuple[int, int]]:
    """Return the pairs that were said and not withdrawn, or restored after it."""
    pairs = defaultdict(list)
    for (left, right, *_), facts in links.items():
        pairs[left, right].append(facts)
    live = []
    for pair, facts in pairs.items():
        withdrawn = max((f[3] for f in facts if f[3] is not None), default=None)
        restored = max((f[4] for f in facts if f[4] is not None), default=None)
        over = withdrawn is not None and (restored is None or withdrawn >= restored)
        if sum(f[0] for f in facts) and not over:
            live.append(pair)
    return live


def components(kind: dict[int, int], live, caps=CAPS) -> dict[int, int]:
    """Return the customer of every handle: the smallest of all that it can be reached from."""
    neighbours = defaultdict(set)
    for left, right in live:
        neighbours[left].add(right)
        neighbours[right].add(left)
    shared = {
        handle
        for handle, others in neighbours.items()
        if any(count > caps[code] for code, count in Counter(kind[other] for other in others).items())
    }
    customer = {}
    for start in sorted(kind):
        waiting = [start]
        while waiting:
            handle = waiting.pop()
            if handle not in customer:
                customer[handle] = start
                waiting += [o for o in neighbours[handle] if handle not in shared and o not in shared]
    return customer


def _allowed(stages, now_us: int) -> set[str]:
    for name in reversed(STAGES):
        terms, policy = stages[name], FILE["stages"][name]
        total, size = math.fsum(terms), math.fsum(map(abs, terms))
        half_life_us = policy["half_life_days"] * DAY_US
        needed = policy["threshold"] * 2.0 ** ((now_us - EPOCH_US) / half_life_us)
        unsure = 3e-9 * max(size, needed)
        if total > needed + unsure:
            return {name}
        if total > needed - unsure:
            rest = {other: terms for other, terms in stages.items() if other != name}
            return {name} | _allowed(defaultdict(list, rest), now_us)
    return {"none"}
