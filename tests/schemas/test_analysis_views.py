"""Views of what customers did say what a slow and obvious reading of the same interactions says."""

import statistics
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from streams.apath import in_force
from tests.schemas.reading import DAY_US, before_and_after_a_merge, revenue, us


def check_channel_switches(world):
    gaps = defaultdict(list)
    who = defaultdict(set)
    for (brand, customer), touches in world.by_customer().items():
        for left, right in pairwise(touches):
            key = brand, world.model.channel(left.type), world.model.channel(right.type)
            gaps[key].append((right.time_us - left.time_us) / 1e6)
            who[key].add(customer)
    rows = world.rows("SELECT * FROM channel_switches")
    assert {
        (r["brand"], r["from_channel"], r["to_channel"]): (r["switches"], r["customers"]) for r in rows
    } == {key: (len(gap), len(who[key])) for key, gap in gaps.items()}
    assert len(rows) == len(gaps)
    sides = {(True, True): "offline", (True, False): "offline to online", (False, True): "online to offline"}
    for row in rows:
        key = row["brand"], row["from_channel"], row["to_channel"]
        assert row["median_gap_s"] == pytest.approx(statistics.median(gaps[key]))
        assert row["direction"] == sides.get((key[1] == "store", key[2] == "store"), "online")


def paths_to_purchase(world, days, *, showroom):
    """Return purchases by (brand, place, product), each with its customer and the wait in days."""
    found = defaultdict(list)
    for (brand, customer), touches in world.by_customer().items():
        for i, bought in enumerate(touches):
            in_store = world.model.channel(bought.type) == "store"
            if not bought.product or world.revenue(bought) <= 0 or in_store == showroom:
                continue
            looks = [t for t in touches[:i] if t.product == bought.product and t.time_us < bought.time_us]
            looked_on = {"store"} if showroom else {"web", "social", "direct", "support"}
            looks = [t for t in looks if world.model.channel(t.type) in looked_on and not world.revenue(t)]
            if looks and bought.time_us - looks[-1].time_us <= days * DAY_US:
                place = looks[-1].place if showroom else bought.place
                waited = (bought.time_us - looks[-1].time_us) / DAY_US
                found[brand, place, bought.product].append((customer, bought, waited))
    return found


def check_paths_to_purchase(world):
    sql = "SELECT * FROM {}(window_days = {})"
    for view, days in (("showrooming", 30), ("showrooming", 300), ("webrooming", 30), ("webrooming", 300)):
        rows = world.rows(sql.format(view, days))
        expected = paths_to_purchase(world, days, showroom=view == "showrooming")
        assert {(r["brand"], r["place"], r["product"]) for r in rows} == expected.keys()
        for row in rows:
            purchases = expected[row["brand"], row["place"], row["product"]]
            assert row["purchases"] == len(purchases)
            assert row["customers"] == len({customer for customer, _, _ in purchases})
            assert row["revenue"] == revenue(world, [bought for _, bought, _ in purchases])
            assert row["median_days"] == pytest.approx(
                statistics.median(waited for _, _, waited in purchases)
            )


ONE_BY_ONE = """
    SELECT brand, place, product, uniqExact(customer), count(), sumMap(map(currency, CAST(b.revenue, 'Decimal(38, 4)'))),
        round(quantileExactInclusive(0.5)(toUnixTimestamp64Micro(bought_at) - toUnixTimestamp64Micro(looked_at)) / 86400000000, 9)
    FROM looked_then_bought(window_days = 30) AS b
    WHERE way = '{way}'
    GROUP BY brand, place, product
"""


def check_what_sums_count(world):
    """Each row behind a sum: what the sums of the views above count, one by one."""
    for sums, rows in (
        (
            "SELECT brand, from_channel, to_channel, switches, customers FROM channel_switches",
            "SELECT brand, from_channel, to_channel, count(), uniqExact(customer) FROM channel_steps GROUP BY ALL",
        ),
        *(
            (
                f"SELECT brand, place, product, customers, purchases, revenue, round(median_days, 9) FROM {way}(window_days = 30)",
                ONE_BY_ONE.format(way=way),
            )
            for way in ("showrooming", "webrooming")
        ),
    ):
        expected, found = (world.client.query(sql).result_rows for sql in (sums, rows))
        assert sorted(map(repr, found)) == sorted(map(repr, expected))


def engaged(world, touch):
    rules = world.model.rules_for(touch.type)
    return world.revenue(touch) > 0 or any(r.weight > 0 and r.stage > 1 for r in rules)


def check_content_touches(world):
    rows = world.rows("SELECT brand, content, customer, event, engaged FROM content_touches")
    assert {tuple(row.values()) for row in rows} == {
        (brand, touch.content, customer, touch.event, engaged(world, touch))
        for (brand, customer), touches in world.by_customer().items()
        for touch in touches
        if touch.content
    }


def check_zombies(world):
    by_content = defaultdict(list)
    for touches in world.by_customer().values():
        for touch in touches:
            if touch.content:
                by_content[touch.brand, touch.content].append(touch)
    for days in (0, 3, 20, 60):
        from_us = world.now_us - days * DAY_US
        expected = {}
        for key, touches in by_content.items():
            first, last = (pick(t.time_us for t in touches) for pick in (min, max))
            engagement = max((t.time_us for t in touches if engaged(world, t)), default=None)
            if first <= from_us and (engagement is None or engagement < from_us):
                since = sum(engagement is None or t.time_us > engagement for t in touches)
                expected[key] = first, last, len(touches), engagement, since, last >= from_us
        rows = world.rows("SELECT * FROM zombies(days = %(days)s)", days=days)
        assert {
            (r["brand"], r["content"]): (
                *(us(r["first_seen"]), us(r["last_seen"]), r["touches"], us(r["last_engagement"])),
                *(r["touches_since_engagement"], r["still_published"]),
            )
            for r in rows
        } == expected


def check_unmapped_types(world):
    found = defaultdict(list)
    for (brand, customer), touches in world.by_customer().items():
        for t in touches:
            if not world.model.rules_for(t.type) and t.type not in world.model.neutral:
                found[t.type].append((brand, customer, t.time_us))
    rows = world.rows("SELECT * FROM unmapped_types")
    assert {
        r["type"]: (
            r["area"],
            r["brands"],
            r["touches"],
            r["customers"],
            us(r["first_seen"]),
            us(r["last_seen"]),
        )
        for r in rows
    } == {
        kind: (
            kind.partition(".")[0],
            len({brand for brand, _, _ in touches}),
            len(touches),
            len({customer for _, customer, _ in touches}),
            *(pick(time for _, _, time in touches) for pick in (min, max)),
        )
        for kind, touches in found.items()
    }


CHECKS = [
    check_channel_switches,
    check_paths_to_purchase,
    check_what_sums_count,
    check_content_touches,
    check_zombies,
    check_unmapped_types,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_view_agrees_with_the_obvious_reading_before_and_after_two_customers_become_one(crowd, check):
    before_and_after_a_merge(crowd, check)


def test_merging_two_customers_changes_the_history_that_every_view_tells(world):
    world.happen("store.check_in", days_ago=9, handle=1, product="p1", place="s1")
    world.happen("web.purchase", days_ago=8, handle=2, product="p1", amount=Decimal(5), currency="EUR")
    world.happen("social.comment", days_ago=7, handle=1)
    assert world.rows("SELECT * FROM showrooming(window_days = 30)") == []
    assert [r["stage"] for r in world.rows("SELECT stage FROM journeys ORDER BY customer")] == [
        "affinity",
        "affinity",
    ]
    world.merge(1, 2)
    [bought] = world.rows("SELECT * FROM showrooming(window_days = 30)")
    assert (bought["place"], bought["customers"], bought["revenue"]) == ("s1", 1, {"EUR": Decimal(5)})
    [row] = world.rows("SELECT * FROM journeys")
    assert (row["stage"], row["handles"], us(row["since"])) == ("affinity", [1, 2], world.touches[1].time_us)
    [switch] = world.rows("SELECT * FROM channel_switches WHERE direction = 'offline to online'")
    assert (switch["switches"], switch["median_gap_s"]) == (1, 86_400)


def test_neither_a_look_at_the_moment_of_the_purchase_nor_one_that_costs_is_a_look_before_it(world):
    euros = {"product": "p1", "amount": Decimal(7), "currency": "EUR"}
    for handle, place in enumerate(("store", "web"), 1):
        other = {"store": "web", "web": "store"}[place]
        world.happen(f"{place}.purchase", days_ago=9, handle=handle, **euros)
        world.happen(f"{place}.product_view", days_ago=5, handle=handle, product="p1")
        world.happen(f"{other}.purchase", days_ago=5, handle=handle, **euros)
    assert world.rows("SELECT * FROM showrooming(window_days = 30)") == []
    assert world.rows("SELECT * FROM webrooming(window_days = 30)") == []
    world.happen("store.check_in", days_ago=5 + 1e-9, handle=1, product="p1")
    world.happen("mail.clicked", days_ago=5 + 1e-9, handle=2, product="p1")
    assert [r["purchases"] for r in world.rows("SELECT * FROM showrooming(window_days = 30)")] == [1]
    world.happen("support.ticket", days_ago=4.25, handle=2, product="p1")
    world.happen("store.purchase", days_ago=4, handle=2, **euros)
    [row] = world.rows("SELECT * FROM webrooming(window_days = 30)")
    assert (row["customers"], row["purchases"], row["median_days"]) == (1, 2, pytest.approx(0.125))


def test_a_purchase_counts_once_with_the_latest_look_at_that_product_by_that_customer(world):
    world.happen("store.walk_by", days_ago=9, product="p1", place="far")
    for place in ("same moment, lower event", "near"):
        world.happen("store.check_in", days_ago=5, product="p1", place=place)
    world.happen("store.check_in", days_ago=4, product="p2", place="elsewhere")
    world.happen("store.check_in", days_ago=4, product="p1", place="theirs", handle=2)
    world.happen("web.purchase", days_ago=3, product="p1", amount=Decimal(7), currency="EUR")
    world.happen("store.purchase", days_ago=2, product="p1", amount=Decimal(7), currency="EUR")
    world.happen("web.purchase", days_ago=2.5, product="p1", amount=Decimal(1), currency="EUR")
    sql = "SELECT place, customers, purchases, revenue, median_days FROM showrooming(window_days = {})"
    near = {"place": "near", "customers": 1}
    assert world.rows(sql.format(3)) == [
        near | {"purchases": 2, "revenue": {"EUR": Decimal(8)}, "median_days": 2.25}
    ]
    assert world.rows(sql.format(2)) == [
        near | {"purchases": 1, "revenue": {"EUR": Decimal(7)}, "median_days": 2.0}
    ]
    assert world.rows(sql.format(1)) == []


def test_content_that_is_only_shown_is_a_zombie_until_someone_engages(world):
    for days_ago in (50, 40, 1):
        world.happen("social.impression", days_ago=days_ago, content="post")
    world.happen("social.impression", days_ago=1, content="too new to tell")
    [zombie] = world.rows("SELECT * FROM zombies(days = 30)")
    assert (zombie["last_engagement"], zombie["touches_since_engagement"], zombie["still_published"]) == (
        None,
        3,
        True,
    )
    world.happen("social.like", days_ago=45, content="post")
    [zombie] = world.rows("SELECT * FROM zombies(days = 30)")
    assert (zombie["touches"], zombie["touches_since_engagement"]) == (4, 2)
    world.happen("social.like", days_ago=2, content="post")
    assert world.rows("SELECT * FROM zombies(days = 30)") == []


def test_content_that_brings_revenue_is_alive_even_if_no_rule_counts_it(world):
    for days_ago in (50, 1):
        world.happen("web.donation", days_ago=days_ago, content="appeal", amount=Decimal(3), currency="EUR")
    assert len(world.rows("SELECT * FROM zombies(days = 30)")) == 1
    charity = replace(world.model, revenue={**world.model.revenue, "web.donation": 1})
    in_force.write(world.client, charity)
    in_force.activate(world.client, charity, "", world.now_us)
    assert world.rows("SELECT * FROM zombies(days = 30)") == []


def test_a_type_is_mapped_by_its_name_by_its_verb_or_by_being_neutral(world):
    for kind in ("web.page_view", "kiosk.purchase", "campaign.sent", "kiosk.demo", "identity.link"):
        world.happen(kind, days_ago=1)
    assert [row["type"] for row in world.rows("SELECT type FROM unmapped_types")] == ["kiosk.demo"]


def test_views_on_nothing_are_empty(world):
    sql = "SELECT * FROM {}"
    for view in ("journeys", "stage_population", "channel_switches", "unmapped_types", "target_progress"):
        assert world.rows(sql.format(view)) == []
