"""The views of cascades against `journey.cascades` and a slow reading, on many random worlds at once: a brand is one."""

import random
from collections import defaultdict
from decimal import Decimal

import pytest

from journey.cascades import Naming, edges, nodes
from streams.analysis.cascades import drift
from tests.schemas.conftest import at

MINUTE_US = 60_000_000
START_US = 1_790_000_000_000_000
WORLDS = 90
COLUMNS = [
    "event", "time", "brand", "type", "source", "id", "handle", "handles", "amount", "currency", "cause", "properties",
]  # fmt: skip


class Asked:
    """The two questions of a store that `drift` asks."""

    def __init__(self, client):
        self.client = client

    def query(self, sql, parameters):
        return self.client.query(sql, parameters=parameters).result_rows


def row(event, minutes, *, cause="", name=None, code="", brand="x", handle=1, amount=None, source="test"):
    return [
        event,
        at(START_US + round(minutes * MINUTE_US)),
        brand,
        "web.purchase" if amount else "social.share",
        source,
        name or f"t{event}",
        handle,
        [handle],
        None if amount is None else Decimal(amount),
        "EUR" if amount else "",
        cause,
        f'{{"share_code": "{code}"}}' if code else "",
    ]


def random_world(number):
    rng = random.Random(number)
    names = [f"n{i}" for i in range(rng.choice([4, 8, 20]))]
    if number % 3 == 0:  # a deep one
        return [
            row(
                rng.getrandbits(120) + 1,
                i * 3 - rng.randrange(5),
                cause=f"n{rng.randrange(i - 2, i)}",
                name=f"n{i}",
                brand=f"w{number}",
                handle=rng.randrange(1, 9),
            )
            for i in range(2, 40)
        ]
    spread = rng.choice([1, 2, 12])  # minutes
    return [
        row(
            rng.getrandbits(120) + 1,
            rng.choice([rng.randrange(spread), rng.randrange(spread), rng.randrange(4000)]),
            source=rng.choice(["test", "till"]),
            cause=rng.choice(["", "c0", "gone", *names, *names]),
            name=rng.choice(names),
            code=rng.choice(["", "", "", "c0", names[0]]),
            brand=f"w{number}",
            handle=rng.randrange(1, 9),
            amount=rng.choice([None, None, "12.50", "3"]),
        )
        for _ in range(rng.choice([3, 12, 40]))
    ]


def put(world, rows):
    world.client.insert("interactions", rows, column_names=COLUMNS)
    fresh = {r[6] for r in rows} - world.customer_of.keys()
    if fresh:
        world.name({handle: handle for handle in fresh})


@pytest.fixture
def many(world):
    """Random worlds, a brand each, in one table; and their rows by brand."""
    rows = {f"w{number}": random_world(number) for number in range(WORLDS)}
    put(world, [r for some in rows.values() for r in some])
    world.merge(1, 2)
    world.merge(5, 8)
    return world, rows


def namings(rows):
    return [
        Naming(
            r[0],
            round(r[1].timestamp() * 1e6),
            r[2],
            r[5],
            r[11].partition(': "')[2].rstrip('"}'),
            r[10],
            r[4],
        )
        for r in rows
    ]


def test_the_views_place_every_touch_where_its_causes_lead(many):
    world, rows = many
    placed, states = {}, {}
    for some in rows.values():
        found = edges(namings(some))
        placed |= {e: (n.root, n.parent, n.generation) for e, n in nodes(found).items()}
        states |= {event: edge.state for event, edge in found.items()}
    seen = world.rows("SELECT * FROM cascade_nodes")
    assert len(seen) == len(placed)
    assert {r["event"]: (r["root"], r["parent"], r["generation"]) for r in seen} == placed
    assert {r["event"]: r["state"] for r in world.rows("SELECT * FROM cascade_edges")} == states
    assert set(states.values()) == {"joined", "missing", "self", "early", "disordered"}
    assert max(r["generation"] for r in seen) > 6
    assert list(drift(Asked(world.client))) == []


def ring(length, rng):
    """Return events of one time, each brought by the next, and some that they bring; one may be a little late."""
    brand, names = f"r{length}", [f"n{i}" for i in range(length)]
    late = rng.choice([None, rng.randrange(length)])
    events = [
        row(
            rng.getrandbits(120) + 1,
            3 if i == late else 0,
            cause=names[(i + 1) % length],
            name=name,
            brand=brand,
        )
        for i, name in enumerate(names)
    ]
    events += [
        row(
            rng.getrandbits(120) + 1,
            0,
            cause=rng.choice([*names, *(f"m{j}" for j in range(i))]),
            name=f"m{i}",
            brand=brand,
        )
        for i in range(rng.choice([0, 3, 9]))
    ]
    rng.shuffle(events)
    return events


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6, 7, 8, 12, 16, 17])
def test_a_ring_that_is_alone_is_cut_at_its_first_event(world, length):
    """A walk ends after so many rounds as the open events of the whole table need."""
    rows = [row(n + 1, 0, cause=f"n{(n + 1) % length}", name=f"n{n}") for n in range(length)]
    put(world, rows)
    placed = nodes(edges(namings(rows)))
    assert {
        r["event"]: (r["root"], r["parent"], r["generation"])
        for r in world.rows("SELECT * FROM cascade_nodes")
    } == {event: (node.root, node.parent, node.generation) for event, node in placed.items()}
    assert world.rows("SELECT countIf(state = 'disordered') AS n FROM cascade_edges") == [{"n": 1}]
    assert max(node.generation for node in placed.values()) == length - 1


def test_rings_of_any_length_are_cut_at_their_first_events(world):
    rng = random.Random(4)
    lengths = [*range(1, 41), 63, 64, 65, 100, 129]
    rows = {length: ring(length, rng) for length in lengths}
    put(world, [r for some in rows.values() for r in some])
    placed, states = {}, {}
    for some in rows.values():
        found = edges(namings(some))
        placed |= {e: (n.root, n.parent, n.generation) for e, n in nodes(found).items()}
        states |= {event: edge.state for event, edge in found.items()}
    assert {
        r["event"]: (r["root"], r["parent"], r["generation"])
        for r in world.rows("SELECT * FROM cascade_nodes")
    } == placed
    assert {r["event"]: r["state"] for r in world.rows("SELECT * FROM cascade_edges")} == states
    assert sum(state == "disordered" for state in states.values()) > len(lengths) / 3
    assert max(generation for _, _, generation in placed.values()) >= 128
    assert list(drift(Asked(world.client))) == []


def told(world, rows):
    """Return cascades and followers the slow way, by (brand, root) and (brand, customer)."""
    by_event = {r[0]: r for some in rows.values() for r in some}
    placed = {}
    for some in rows.values():
        placed |= nodes(edges(namings(some)))
    trees, followers = defaultdict(list), defaultdict(dict)
    for event, node in placed.items():
        if event in by_event:
            trees[by_event[event][2], node.root].append((event, node.generation))
        above, distance = node.parent, 0
        while above:
            if above in by_event:
                customers = [world.customer_of[by_event[e][6]] for e in (above, event)]
                if customers[0] != customers[1] and distance <= 32:
                    near = followers[by_event[event][2], customers[0]]
                    near.setdefault(event, (customers[1], distance, by_event[event][8] or 0))
            above, distance = placed[above].parent, distance + 1
    return by_event, trees, followers


def test_the_figures_of_every_cascade_are_those_of_a_slow_reading(many):
    world, rows = many
    by_event, trees, _ = told(world, rows)
    seen = {(r["brand"], r["root"]): r for r in world.rows("SELECT * FROM cascades")}
    assert seen.keys() == trees.keys()
    for key, members in trees.items():
        start = [event for event, generation in members if generation == 0]
        starter = {world.customer_of[by_event[event][6]] for event in start}
        reached = {}
        for event, generation in sorted(members, key=lambda m: (by_event[m[0]][1], m[1])):
            if generation:
                reached.setdefault(world.customer_of[by_event[event][6]], (generation, by_event[event][1]))
        bought = {world.customer_of[by_event[e][6]] for e, g in members if g and by_event[e][8]}
        others = {c: first for c, first in reached.items() if c not in starter}
        waits = (
            sorted((first[1] - by_event[start[0]][1]).total_seconds() for first in others.values())
            if start
            else []
        )
        levels = [generation for generation, _ in others.values()]
        found = seen[key]
        assert found["is_known"] == bool(start)
        assert found["root_id"] == (by_event[start[0]][5] if start else found["root_id"])
        assert found["customer"] == next(iter(starter), None)
        assert found["touches"] == len(members) - len(start)
        assert found["depth"] == max(generation for _, generation in members)
        assert found["customers"] == len(others)
        assert found["converted"] == len(bought & others.keys())
        assert found["breadth"] == max(map(levels.count, levels), default=0)
        assert found["revenue"].get("EUR", 0) == sum(by_event[e][8] or 0 for e, g in members if g)
        assert found["half_reached_s"] == (waits[(len(waits) - 1) // 2] if waits else None)
        assert found["all_reached_s"] == (waits[-1] if waits else None)


def test_generations_add_up_to_the_cascade(many):
    world, _ = many
    added = world.rows(
        "SELECT brand, root, sum(customers) AS customers, sum(converted) AS converted FROM cascade_generations GROUP BY brand, root"
    )
    whole = world.rows("SELECT brand, root, customers, converted FROM cascades WHERE customers > 0")
    assert sorted(map(repr, added)) == sorted(map(repr, whole))


def test_influencers_are_ranked_by_what_followed_and_not_by_themselves(many):
    world, rows = many
    _, _, followers = told(world, rows)
    seen = {(r["brand"], r["customer"]): r for r in world.rows("SELECT * FROM influencers")}
    assert seen.keys() == followers.keys()
    for key, near in followers.items():
        found, values = seen[key], list(near.values())
        assert found["touches"] == len(near)
        assert found["customers"] == len({customer for customer, _, _ in values})
        assert found["direct"] == len({customer for customer, distance, _ in values if distance == 0})
        assert found["converted"] == len({customer for customer, _, amount in values if amount})
        assert found["revenue"].get("EUR", 0) == sum(amount for _, _, amount in values)
        above = [
            r
            for k, r in seen.items()
            if k[0] == key[0] and (r["customers"], r["converted"]) > (found["customers"], found["converted"])
        ]
        assert found["rank"] == len(above) + 1


def test_order_and_cut_of_inserts_change_nothing(world):
    figures = "SELECT c.*, i.* FROM cascades AS c LEFT JOIN influencers AS i ON i.brand = c.brand AND i.customer = c.customer ORDER BY c.root"
    rows = [r for number in range(20) for r in random_world(number)]
    put(world, rows)
    whole = world.rows(figures)
    world.client.command("TRUNCATE TABLE interactions")
    random.Random(1).shuffle(rows)
    for first in range(0, len(rows), 97):
        put(world, rows[first : first + 97])
    assert world.rows(figures) == whole


def test_identity_changes_who_is_counted_and_nothing_else(many):
    world, _ = many
    people = {
        "customer",
        "customers",
        "converted",
        "conversion",
        "breadth",
        "half_reached_s",
        "all_reached_s",
    }

    def asked():
        rows = world.rows("SELECT * FROM cascades ORDER BY brand, root")
        shape = [{name: value for name, value in row.items() if name not in people} for row in rows]
        return shape, sum(row["customers"] for row in rows), rows

    shape, counted, rows = asked()
    parted = dict(world.customer_of)
    world.merge(3, 4)
    world.merge(4, 5)
    joined, fewer, _ = asked()
    assert joined == shape
    assert fewer < counted
    world.name(parted)
    assert asked()[2] == rows


def test_thousands_of_effects_from_one_handle_are_one_customer(world):
    put(world, [row(1, 0), *(row(i, i / 100, cause="t1", handle=2) for i in range(2, 5002))])
    (found,) = world.rows("SELECT customers, touches, depth, breadth FROM cascades")
    assert found == {"customers": 1, "touches": 5000, "depth": 1, "breadth": 1}
    assert world.rows("SELECT customers, direct FROM influencers") == [{"customers": 1, "direct": 1}]


def test_a_forged_chain_of_thousands_is_followed_to_its_start(world):
    put(world, [row(i, i, cause=f"t{i - 1}", handle=i % 50 + 1) for i in range(1, 3001)])
    (found,) = world.rows("SELECT root_id, is_known, depth FROM cascades")
    assert found == {"root_id": "t0", "is_known": False, "depth": 3000}
    assert world.rows("SELECT max(touches) AS most FROM influencers")[0]["most"] < 3000


def test_a_cause_that_comes_a_day_later_takes_its_place_above_what_it_brought(world):
    put(world, [row(i, 10 + i, cause="CODE", handle=i, amount="5") for i in range(2, 6)])
    late = "SELECT root_id, is_known, customer, customers, started_at IS NULL AS unknown FROM cascades"
    assert world.rows(late) == [
        {"root_id": "CODE", "is_known": False, "customer": None, "customers": 4, "unknown": 1}
    ]
    assert world.rows("SELECT * FROM influencers") == []
    put(world, [row(1, 0, code="CODE", name="ann")])
    assert world.rows(late) == [
        {"root_id": "ann", "is_known": True, "customer": 1, "customers": 4, "unknown": 0}
    ]
    assert world.rows("SELECT customer, customers FROM influencers") == [{"customer": 1, "customers": 4}]


def test_a_cause_of_another_brand_is_not_known_here(world):
    put(world, [row(1, 0, brand="theirs"), row(2, 1, cause="t1", brand="ours")])
    assert world.rows("SELECT brand, is_known FROM cascades") == [{"brand": "ours", "is_known": False}]


def test_verify_finds_a_view_that_places_touches_elsewhere(world):
    put(world, [row(1, 0), row(2, 1, cause="t1"), row(3, 2, cause="t2"), row(4, 3, cause="t3")])
    assert list(drift(Asked(world.client))) == []
    spine = world.rows(
        "SELECT create_table_query AS q FROM system.tables WHERE database = currentDatabase() AND name = 'cascade_spine'"
    )
    world.client.command("DROP VIEW cascade_spine")
    world.client.command(spine[0]["q"].replace("round < 17", "round < 0"))
    try:
        (drifts,) = drift(Asked(world.client))
    finally:  # the other tests have the same views
        world.client.command("DROP VIEW cascade_spine")
        world.client.command(spine[0]["q"])
    assert (drifts["event"], drifts["recomputed"]) == (4, (1, 3, 3))
