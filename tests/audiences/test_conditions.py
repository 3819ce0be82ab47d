"""What each condition finds, and several together, is what a slow look at every customer finds."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from streams.audiences.conditions import query
from streams.audiences.config import CONDITIONS
from tests.audiences.world import audience, history, load, opened
from tests.fixtures.directories import with_tables

STAGES = ("none", "attention", "attraction", "affinity", "audience", "advocacy")
MEANT = {
    "stages": [["advocacy"], ["none", "attention"], ["affinity", "audience", "advocacy"]],
    "lapses_within_days": [3, 30],
    "came_to": [{"stage": "affinity", "within_days": 30}, {"stage": "advocacy", "within_days": 20}],
    "channels": [["store"], ["social", "support"], ["direct"]],
    "places": [["bastille"], ["it's %s {x:String}", "nowhere"]],
    "products": [["popcorn"], ["film", "popcorn"]],
    "seen_within_days": [5, 20],
    "not_seen_for_days": [10, 1],
    "revenue": [
        {"min": 20.5, "currency": "EUR"},
        {"max": 0, "currency": "EUR"},
        {"min": 5, "max": Decimal("20.5"), "currency": "USD"},
    ],
    "mood": ["negative"],
    "brought_at_least": [1, 3],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with opened(with_tables(tmp_path_factory.mktemp("conditions") / "data")) as embedded:
        load(embedded, history())
        yield embedded.store


@pytest.fixture(scope="module")
def everybody(world):
    """What views say of each customer, row by row."""
    found = {row["customer"]: row for row in world.rows("SELECT * FROM standings")}
    for name in ("place", "product"):
        for row in world.rows(
            f"SELECT customer, groupUniqArray({name}) AS them FROM touchpoints GROUP BY customer"
        ):
            found[row["customer"]][name] = set(map(str, row["them"]))
    friends = {
        row["customer"]: row["direct"] for row in world.rows("SELECT customer, direct FROM influencers")
    }
    angry = world.rows("SELECT customer FROM unhappy_customers(at = (SELECT now64(6)))")
    arrivals = world.rows(
        "SELECT customer, toString(from_stage) AS since, toString(to_stage) AS stage, at FROM stage_changes"
    )
    for customer, row in found.items():
        row["brought"] = friends.get(customer, 0)
        row["angry"] = customer in {one["customer"] for one in angry}
        row["came"] = [one for one in arrivals if one["customer"] == customer]
    return found


def now():
    return datetime.now(UTC).replace(tzinfo=None)


def came(row, meant):
    since = now() - timedelta(days=meant["within_days"])
    return any(
        one["stage"] == meant["stage"]
        and STAGES.index(one["since"]) < STAGES.index(one["stage"])
        and one["at"] >= since
        for one in row["came"]
    )


def brought(row, meant):
    amount = row["revenue"].get(meant["currency"], 0)
    return Decimal(str(meant.get("min", "-1e9"))) <= amount <= Decimal(str(meant.get("max", "1e9")))


# Whether a customer meets a condition.
MEETS = {
    "stages": lambda row, stages: str(row["stage"]) in stages,
    "lapses_within_days": lambda row, days: (
        row["lapses_at"] is not None and row["lapses_at"] < now() + timedelta(days=days)
    ),
    "came_to": came,
    "channels": lambda row, channels: any(row[f"touches_{channel}"] for channel in channels),
    "places": lambda row, places: bool(row["place"] & set(places)),
    "products": lambda row, products: bool(row["product"] & set(products)),
    "seen_within_days": lambda row, days: row["last_seen"] >= now() - timedelta(days=days),
    "not_seen_for_days": lambda row, days: row["last_seen"] < now() - timedelta(days=days),
    "revenue": brought,
    "mood": lambda row, _: row["angry"],
    "brought_at_least": lambda row, count: row["brought"] >= count,
}


def found(store, conditions):
    return {row["customer"] for row in store.rows(query(audience(**conditions)), {"brand": "acme"})}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_finds_those_who_meet_it(world, everybody, name):
    some = set()
    for value in MEANT[name]:
        meant = {customer for customer, row in everybody.items() if MEETS[name](row, value)}
        assert found(world, {name: value}) == meant, (name, value)
        some |= meant
    assert some, "the test has customers who meet it"


@pytest.mark.parametrize("seed", range(6))
def test_several_find_those_who_meet_all(world, everybody, seed):
    rng = random.Random(seed)
    chosen = {name: rng.choice(MEANT[name]) for name in rng.sample(CONDITIONS, rng.randrange(2, 4))}
    if chosen.get("seen_within_days", 99) <= chosen.get("not_seen_for_days", 0):
        del chosen["not_seen_for_days"]
    if chosen.get("stages") == ["none"]:
        del chosen["stages"]
    meant = {
        customer
        for customer, row in everybody.items()
        if all(MEETS[name](row, value) for name, value in chosen.items())
    }
    assert found(world, chosen) == meant, chosen


def test_customers_of_other_brands_are_not_among_them(world):
    assert world.rows(query(audience(seen_within_days=365)), {"brand": "other"}) == []
