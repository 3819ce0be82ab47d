"""Whose events join whom: events of two brands, by write keys with and without the grant identity, in both shells."""

import json
from dataclasses import replace

import pytest

from streams.collector.grants import Grants, SenderLines
from streams.collector.write_keys import WriteKey
from tests.laws.compare import check, customers
from tests.laws.history import MODEL, Item, history
from tests.laws.oracle import KINDS, Oracle, named
from tests.laws.workers import Cluster
from tests.laws.world import KEYS, World

SEEDS = range(16)  # brands share their handles in even ones, and are separate in odd ones
SHELLS = {"embedded": World, "workers": Cluster}
GRANTED = WriteKey("shop", "", ("*",), ("*", "identity"))
BARE = WriteKey("feed", "", ("*",), ("*",))


def key_of(source: str) -> WriteKey:
    return GRANTED if source in {"shop", "till"} else BARE


class Keyed:
    """An edge whose lines come with the keys of their sources."""

    def __init__(self, edge):
        self.edge = edge

    def pack(self, lines, **options):
        spans = [SenderLines(key_of(source_of(line)), place) for place, line in enumerate(lines, 1)]
        return self.edge.pack(lines, screen=Grants(spans, MODEL.channels), **options)


def source_of(line: bytes) -> str:
    try:
        return json.loads(line).get("source", "")
    except ValueError:
        return ""


def granted(item: Item, key) -> Item:
    """Return what an item is worth with the key of its source: its first handle alone, where that has no grant."""
    if item.event is None or key_of(item.event["source"]) is GRANTED:
        return item
    if item.event["type"].startswith("identity."):
        return Item(item.line, None, "not_granted")
    first = named(item.event, key)[0]
    for kind, values in item.event["data"]["handles"].items():
        for value in [values] if isinstance(values, str) else values:
            alone = item.event | {"data": item.event["data"] | {"handles": {kind: value}}}
            if KINDS[first[0]] == kind and named(alone, key) == [first]:
                return Item(item.line, alone)
    raise AssertionError("the first handle is none of the event's")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_brand_has_the_customers_of_its_own_events_and_only_grants_join_them(shell, seed):
    made = history(seed)
    items = tuple(granted(item, KEYS[seed % 2]) for item in made.items)
    world = SHELLS[shell](replace(made, items=items), seed)
    world.edge = Keyed(world.edge)
    world.base_us = max(
        item.event["_us"] for item in made.items if item.event
    )  # what is refused moves no clock
    world.run()
    check(world)
    if world.key.separate:
        of_store = customers(world.store)
        for brand in ("lumiere", "maison"):
            own = [item for item in world.logged if item.event and item.event["data"]["brand"] == brand]
            expected = Oracle(own, world.key).customers
            assert {handle: of_store[handle] for handle in expected} == expected, brand
            others = {handle: who for handle, who in of_store.items() if handle not in expected}
            assert not set(others.values()) & set(expected.values()), "nobody else is one with them"


def test_some_of_these_histories_would_join_customers_of_both_brands_and_of_no_grant():
    """So that the law above has something to hold against."""
    across = linked = 0
    for seed in SEEDS:
        items = [item for item in history(seed).items if item.event]
        linked += any(
            len(named(item.event, b"k" * 32)) > 1 and key_of(item.event["source"]) is BARE for item in items
        )
        oracle = Oracle(items, b"k" * 32)
        brands = {}
        for event, handles in oracle.events.values():
            brands.setdefault(oracle.customers[handles[0][1]], set()).add(event["data"]["brand"])
        across += any(len(found) > 1 for found in brands.values())
    assert across > len(SEEDS) // 2
    assert linked > len(SEEDS) // 2
