"""The store of a finished world against the oracle, table by table."""

import math
from collections import Counter, defaultdict

from streams.clock import to_us
from tests.laws.history import MODEL
from tests.laws.memory import MemoryStore
from tests.laws.oracle import KINDS, STAGES, Oracle
from tests.laws.world import World

CHANNELS = ("social", "web", "store", "support", "direct", "other")
_TOLERANCE = 1e-9


def check(world: World) -> None:
    """Raise AssertionError where a table does not say what the events do."""
    oracle = Oracle(world.logged, world.key)
    store = world.store
    assert interactions(store) == oracle.interactions()
    check_books(store, oracle, world.frames)
    assert conflicts(store) == oracle.conflicts
    assert minutes(store) == oracle.minutes()
    assert links(store) == oracle.links
    assert customers(store) == oracle.customers
    check_evidence(store, oracle)
    check_changes(store, oracle.stages(world.latest_us))


def interactions(store: MemoryStore) -> dict:
    rows = store.rows["interactions"]
    found = {
        row["event"]: (
            to_us(row["time"]), row["brand"], row["type"], row["source"], row["id"],
            tuple(zip(map(KINDS.index, row["kinds"]), row["handles"], strict=True)),
            row["content"], row["amount"], row["rating"],
        )
        for row in rows
    }  # fmt: skip
    assert len(found) == len(rows), "an event is stored twice"
    return found


def check_books(store: MemoryStore, oracle: Oracle, frames: int) -> None:
    books = store.rows["deliveries"]
    places = {(row["_partition"], row["_offset"]) for row in books}
    assert len(places) == len(books) == frames, "one row of the books a frame"
    for row in books:
        assert row["received"] == row["stored"] + row["duplicates"] + row["dead_letters"]
    letters = store.rows["dead_letters"]
    assert len({(row["_partition"], row["_offset"], row["_index"]) for row in letters}) == len(letters)
    assert Counter(row["reason"] for row in letters) == oracle.reasons
    total = {
        name: sum(row[name] for row in books)
        for name in ("received", "stored", "duplicates", "conflicts", "dead_letters")
    }
    assert total == {
        "received": oracle.received,
        "stored": len(oracle.events),
        "duplicates": oracle.duplicates,
        "conflicts": oracle.differing,
        "dead_letters": sum(oracle.reasons.values()),
    }


def conflicts(store: MemoryStore) -> Counter:
    rows = store.rows["conflicts"]
    return Counter((row["event"], row["field"], row["kept"], row["repeated"]) for row in rows)


def minutes(store: MemoryStore) -> Counter:
    found = Counter()
    for row in store.rows["minute_counts"]:
        found[row["brand"], to_us(row["minute"]) // 1_000_000, row["type"]] += row["touches"]
    return found


def links(store: MemoryStore) -> dict:
    found = defaultdict(list)
    for row in store.rows["identity_links"]:
        key = tuple(
            row[name] for name in ("left_handle", "right_handle", "left_kind", "right_kind", "source")
        )
        found[key].append(row)
    return {
        key: (
            sum(row["said"] for row in rows),
            min(to_us(row["first_seen"]) for row in rows),
            max(to_us(row["last_seen"]) for row in rows),
            _latest(rows, "withdrawn_at"),
            _latest(rows, "restored_at"),
        )
        for key, rows in found.items()
    }


def _latest(rows, name):
    return max((to_us(row[name]) for row in rows if row[name] is not None), default=None)


def customers(store: MemoryStore) -> dict:
    table = store.identity_map()
    return dict(zip(table.column("handle").to_pylist(), table.column("customer").to_pylist(), strict=True))


def check_evidence(store: MemoryStore, oracle: Oracle) -> None:
    found = defaultdict(list)
    for row in store.rows["evidence"]:
        if row["model"] == MODEL.hash:
            found[row["brand"], row["handle"]].append(row)
    expected = oracle.evidence()
    assert found.keys() == expected.keys()
    for key, want in expected.items():
        rows = found[key]
        for stage in STAGES:
            assert_sum([row[stage] for row in rows if row[stage] is not None], want[stage])
        assert min(to_us(row["first_seen"]) for row in rows) == want["first_seen"]
        assert max(to_us(row["last_seen"]) for row in rows) == want["last_seen"]
        assert {name: sum(row[f"touches_{name}"] for row in rows) for name in CHANNELS} == {
            name: want["touches"][name] for name in CHANNELS
        }
        revenue = Counter()
        for row in rows:
            for currency, amount in row["revenue"]:
                revenue[currency] += amount
        assert dict(revenue) == want["revenue"]


def assert_sum(parts: list[float], terms: list[float]) -> None:
    assert bool(parts) == bool(terms), "no evidence is its own value"
    size = math.fsum(map(abs, terms))
    assert abs(math.fsum(parts) - math.fsum(terms)) <= _TOLERANCE * size


def check_changes(store: MemoryStore, stages: dict) -> None:
    """Each announcement starts where the last one ended; the last ends at the stage of now."""
    chains = defaultdict(list)
    for row in store.rows["stage_changes"]:
        chains[row["brand"], row["customer"]].append((row["sequence"], row["from_stage"], row["to_stage"]))
    for key, chain in chains.items():
        chain.sort()
        assert len({sequence for sequence, _, _ in chain}) == len(chain), "at most one a customer and batch"
        before = "none"
        for _, old, new in chain:
            assert old == before, f"{key}: from {old} after {before}"
            assert new != old
            before = new
    for key in chains.keys() | stages.keys():
        last = chains[key][-1][2] if key in chains else "none"
        assert last in stages.get(key, {"none"}), f"{key}: announced {last}, is {stages.get(key)}"
