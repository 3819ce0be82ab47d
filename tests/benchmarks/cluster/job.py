"""The job that every program does, an event at a time in plain Python, as people write it.

For each event of the topic, in any number of partitions:

1. validate it (each program by the means of its framework, to the effect of the contract in `schemas/event.py`);
2. hash its handles; the first by kind is the one that its evidence belongs to;
3. drop it when source, id and that handle were seen before;
4. add its evidence to the sums of that handle and brand, by the default A-Path model, with touches by channel, revenue
   by currency, first and last time;
5. keep which handles were named together;
6. write a row for the event, and the sums and links as they are now, to ClickHouse, buffered.

Our own worker does more than that, under the same count of events: it survives a kill at any point without losing or
doubling a row (these programs count twice what was not committed, or lose what was buffered), joins linked handles to
customers across partitions, places customers on the A-Path and announces each change and lapse, counts by minute and
by delivery, keeps what it refuses, finds repeats beyond what it remembers, and stops when its partitions are taken.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

__all__ = ["Touch", "add", "blank", "evidence_row", "touch"]

STAGES = ("attention", "attraction", "affinity", "audience", "advocacy")
CHANNELS = ("social", "web", "store", "support", "direct", "other")
KINDS = ("user", "email", "phone", "loyalty", "social", "cookie", "device")
_EPOCH_US = 1_735_689_600_000_000  # 2025-01-01
_DAY_US = 86_400_000_000
_CASELESS = {"email", "social", "loyalty"}
_NOBODY = {"null", "undefined", "none", "anonymous", "unknown", "guest", "0", ""}
_KEY = bytes(range(32))
_MODEL = tomllib.loads((Path(__file__).parents[3] / "schemas" / "apath.toml").read_text())
_TEXTS = ("content", "product", "place", "campaign", "device")

State = dict[str, Any]


@dataclass(slots=True)
class Touch:
    """What the rest of a program needs of an event: `row` is that of the table."""

    key: str
    brand: str
    type: str
    time_us: int
    handle: int
    handles: list[int]
    data: Mapping[str, Any]
    row: list[Any]


@cache
def _rules(event_type: str) -> list[tuple[int, float, int, Mapping[str, Any]]]:
    """Return stage, weight, half-life in microseconds, and conditions of the rules for a type."""
    names = {event_type, "*." + event_type.partition(".")[2]}
    return [
        (number, float(rule["weight"]), stage["half_life_days"] * _DAY_US, rule)
        for number, stage in enumerate(_MODEL["stages"][name] for name in STAGES)
        for rule in stage["evidence"]
        if rule["type"] in names
    ]


@cache
def _signed(event_type: str) -> int:
    names = {event_type, "*." + event_type.partition(".")[2]}
    return int(bool(names & set(_MODEL["revenue"]["add"]))) - int(
        bool(names & set(_MODEL["revenue"]["subtract"]))
    )


@cache
def _channel(event_type: str) -> str:
    return str(_MODEL["channels"].get(event_type.partition(".")[0], "other"))


def _handles(given: Mapping[str, Any]) -> tuple[list[int], list[str]]:
    ids, kinds = [], []
    for kind in KINDS:
        values = given.get(kind)
        if values is None:
            continue
        for value in values if isinstance(values, list) else (values,):
            text = value.strip()
            if kind in _CASELESS:
                text = text.lower()
            if text.lower() not in _NOBODY:
                digest = blake2b(f"{kind}\0{text}".encode(), digest_size=8, key=_KEY).digest()
                ids.append(int.from_bytes(digest, "little"))
                kinds.append(kind)
    return ids, kinds


def touch(
    event_id: str, source: str, event_type: str, time: datetime, data: Mapping[str, Any]
) -> Touch | None:
    """Return a valid event with its handles hashed; None where they all name nobody. Absent fields may be None."""
    handles, kinds = _handles(data["handles"])
    if not handles:
        return None
    time_us = int(time.timestamp() * 1_000_000)
    digest = blake2b(f"{source}\0{event_id}\0{handles[0]}".encode(), digest_size=16).digest()
    amount, properties = data.get("amount"), data.get("properties")
    row = [
        int.from_bytes(digest, "little"), time, data["brand"], event_type, source, event_id, handles[0], handles, kinds,
        *[data.get(name) or "" for name in _TEXTS],
        None if amount is None else Decimal(str(amount)), data.get("currency") or "", data.get("rating"),
        data.get("sentiment"), data.get("cause") or "", _dumps(properties) if properties else "",
    ]  # fmt: skip
    return Touch(digest.hex(), data["brand"], event_type, time_us, handles[0], handles, data, row)


def _dumps(properties: Mapping[str, Any]) -> str:
    import orjson  # noqa: PLC0415 — of the programs' own environment

    return orjson.dumps(properties).decode()


def blank() -> State:
    """Return the state of a handle and brand that nothing is known of; it can be kept as JSON."""
    return {
        "sums": [None] * len(STAGES),
        "touches": {},
        "revenue": {},
        "first": None,
        "last": None,
        "version": 0,
    }


def add(state: State, one: Touch) -> State:
    """Add an event to a state, and return it."""
    sums, data = state["sums"], one.data
    for stage, weight, half_life_us, rule in _rules(one.type):
        if _meets(rule, data):
            sums[stage] = (sums[stage] or 0.0) + weight * 2.0 ** ((one.time_us - _EPOCH_US) / half_life_us)
    channel = _channel(one.type)
    state["touches"][channel] = state["touches"].get(channel, 0) + 1
    if data.get("amount") is not None and (sign := _signed(one.type)):
        revenue = state["revenue"]
        revenue[data["currency"]] = revenue.get(data["currency"], 0.0) + sign * data["amount"]
    state["first"] = one.time_us if state["first"] is None else min(state["first"], one.time_us)
    state["last"] = one.time_us if state["last"] is None else max(state["last"], one.time_us)
    state["version"] += 1
    return state


def _meets(rule: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    low, high = rule.get("rating_min"), rule.get("rating_max")
    if low is None and high is None:
        return True
    rating = data.get("rating")
    return rating is not None and (low is None or rating >= low) and (high is None or rating <= high)


def evidence_row(brand: str, handle: int, state: State) -> list[Any]:
    """Return the row of a handle and brand as it is now."""
    touches = state["touches"]
    return [
        brand, handle, *state["sums"], *[touches.get(channel, 0) for channel in CHANNELS],
        {currency: Decimal(str(round(amount, 4))) for currency, amount in state["revenue"].items()},
        state["first"], state["last"], state["version"],
    ]  # fmt: skip
