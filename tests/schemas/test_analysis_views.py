"""Each view says what a slow and obvious reading of the same interactions says."""

import math
import statistics
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from journey.model import StagePolicy
from journey.stage import STAGES
from streams import models

DAY_US = 86_400_000_000
NAMES = ("none", "attention", "attraction", "affinity", "audience", "advocacy")
CHANNELS = ("social", "web", "store", "support", "direct", "other")
TABLES_AND_VIEWS = (
    "SELECT name, engine, comment, create_table_query FROM system.tables WHERE database = currentDatabase()"
)


def us(moment):
    return None if moment is None else round(moment.timestamp() * 1_000_000)


def in_force(sql):
    return sql.replace("MODEL", "(SELECT model FROM model_in_force)")


# --- what is true, the slow way


def scores(world, touches, at_us, model):
    totals = [None] * 5
    for touch in touches:
        for stage, weight in world.weights(touch, model):
            faded = weight * math.exp2(-(at_us - touch.time_us) / model.stages[stage - 1].half_life_us)
            totals[stage - 1] = (totals[stage - 1] or 0) + faded
    return totals


def stage(world, touches, at_us, model):
    held = zip(scores(world, touches, at_us, model), model.stages, STAGES, strict=True)
    return max(
        (int(s) for score, policy, s in held if (score or 0) >= policy.threshold * (1 - 1e-9)), default=0
    )


def last_instant_at(world, touches, low_us, high_us, model):
    """Bisect for the last microsecond of the stage held at `low_us`; it is another one at `high_us`."""
    old = stage(world, touches, low_us, model)
    while high_us - low_us > 1:
        middle = (low_us + high_us) // 2
        low_us, high_us = (
            (middle, high_us) if stage(world, touches, middle, model) == old else (low_us, middle)
        )
    return low_us


def history(world, touches, at_us, model):
    """List (time, from, to, reason, types): each interaction's change, and between interactions the lapses."""
    touches = [t for t in touches if t.time_us <= at_us and any(True for _ in world.weights(t, model))]
    times = sorted({t.time_us for t in touches})
    found, current = [], 0
    for time_us, next_us in pairwise([*times, at_us]):
        known = [t for t in touches if t.time_us <= time_us]
        after = stage(world, known, time_us, model)
        if after != current:
            types = sorted({t.type for t in known if t.time_us == time_us})
            found.append((time_us, current, after, "evidence", types))
            current = after
        start = time_us
        while (later := stage(world, known, next_us, model)) != current:
            start = last_instant_at(world, known, start, next_us, model)
            lower = stage(world, known, start + 1, model)
            found.append((start, current, lower, "lapse", []))
            start, current = start + 1, lower
        assert later == current
    return found


def lapse(world, touches, at_us, model):
    """Return the last instant at which the stage of `at_us` is held if nothing more happens."""
    held = stage(world, touches, at_us, model)
    return last_instant_at(world, touches, at_us, at_us + 200 * 365 * DAY_US, model) if held else None


def check_standings(world, rows, at_us, model, rel=1e-9):
    expected = {
        key: known
        for key, touches in world.by_customer().items()
        if (known := [t for t in touches if t.time_us <= at_us])
    }
    assert {(row["brand"], row["customer"]) for row in rows} == expected.keys()
    assert len(rows) == len(expected)
    for row in rows:
        touches = expected[row["brand"], row["customer"]]
        assert row["stage"] == NAMES[stage(world, touches, at_us, model)]
        assert [row[name] for name in NAMES[1:]] == [
            None if score is None else pytest.approx(score, rel=rel, abs=1e-12)
            for score in scores(world, touches, at_us, model)
        ]
        assert close(us(row["lapses_at"]), lapse(world, touches, at_us, model))
        assert us(row["first_seen"]) == min(t.time_us for t in touches)
        assert us(row["last_seen"]) == max(t.time_us for t in touches)
        assert row["touches"] == len(touches)
        on = Counter(world.model.channel(t.type) for t in touches)
        assert [row[f"touches_{channel}"] for channel in CHANNELS] == [on[channel] for channel in CHANNELS]
        assert row["revenue"] == revenue(world, touches)
        assert row["handles"] == sorted(h for h, c in world.customer_of.items() if c == row["customer"])


def check_since(world, rows, at_us):
    touches = world.by_customer()
    for row in rows:
        changes = history(world, touches[row["brand"], row["customer"]], at_us, world.model)
        assert close(us(row["since"]), changes[-1][0] if changes else None)


def close(left_us, right_us):
    return left_us == right_us or (None not in (left_us, right_us) and abs(left_us - right_us) <= 5)


def revenue(world, touches):
    total = defaultdict(Decimal)
    for touch in touches:
        if world.revenue(touch):
            total[touch.currency] += world.revenue(touch)
    return dict(total)


# --- where customers stand


def check_journeys(world):
    rows = world.rows("SELECT * FROM journeys")
    check_standings(world, rows, world.now_us, world.model, rel=1e-4)
    check_since(world, rows, world.now_us)


def check_journeys_at(world):
    for days in (0, 3, 39, 150, 400):
        at_us = world.now_us - days * DAY_US
        rows = world.rows("SELECT * FROM journeys_at(at = fromUnixTimestamp64Micro(%(at)s))", at=at_us)
        check_standings(world, rows, at_us, world.model)
        check_since(world, rows, at_us)


def check_standing_under(world):
    """Another model, never in force: half as patient, twice as strict about likes."""
    other = replace(
        world.model,
        stages=tuple(StagePolicy(s.half_life_us // 2, s.threshold * 0.75) for s in world.model.stages),
        rules=tuple(
            replace(r, weight=r.weight * 2) if r.type == "social.like" else r for r in world.model.rules
        ),
    )
    models.write(world.client, other)
    for days in (0, 60):
        at_us = world.now_us - days * DAY_US
        sql = "SELECT * FROM standing_under(model = %(model)s, at = fromUnixTimestamp64Micro(%(at)s))"
        check_standings(world, world.rows(sql, model=other.hash, at=at_us), at_us, other)


def check_histories(world):
    """The path until now, and the path as far as it was known at two earlier instants."""
    views = [(world.now_us, "SELECT * FROM stage_history")]
    views += [
        (
            world.now_us - days * DAY_US,
            in_force(
                "SELECT * FROM stage_history_under(model = MODEL, at = fromUnixTimestamp64Micro(%(at)s))"
            ),
        )
        for days in (0, 2, 50)
    ]
    for at_us, sql in views:
        found = defaultdict(list)
        for row in world.rows(f"{sql} ORDER BY at, reason", at=at_us):
            found[row["brand"], row["customer"]].append(row)
        expected = {
            k: history(world, touches, at_us, world.model) for k, touches in world.by_customer().items()
        }
        assert found.keys() == {key for key, changes in expected.items() if changes}
        for key, rows in found.items():
            for row, (time_us, old, new, *why) in zip(rows, expected[key], strict=True):
                assert (row["from_stage"], row["to_stage"]) == (NAMES[old], NAMES[new])
                assert [row["reason"], row["types"]] == why
                assert close(us(row["at"]), time_us)


def check_stage_population(world):
    stages = defaultdict(Counter)
    for (brand, _), touches in world.by_customer().items():
        stages[brand][stage(world, touches, world.now_us, world.model)] += 1
    rows = world.rows("SELECT * FROM stage_population ORDER BY brand, position")
    assert [(r["brand"], r["position"], r["stage"], r["customers"]) for r in rows] == [
        (brand, position, NAMES[position], stages[brand][position])
        for brand in sorted(stages)
        for position in range(6)
    ]
    assert [r["share"] for r in rows] == pytest.approx(
        [r["customers"] / stages[r["brand"]].total() for r in rows]
    )


def check_target_progress(world):
    targets = [
        (brand, name, channel)
        for brand in ("acme", "nobody")
        for name in NAMES[1:]
        for channel in ("", "web", "store")
    ]
    world.client.insert(
        "targets",
        [[brand, name, channel, "2030-01-01", 4] for brand, name, channel in targets],
        column_names=["brand", "stage", "channel", "due", "customers"],
        column_type_names=["String", "String", "String", "String", "UInt64"],
    )
    expected = Counter()
    for (brand, _), touches in world.by_customer().items():
        now = stage(world, touches, world.now_us, world.model)
        for name in NAMES[1 : now + 1]:
            for channel in {"", *(world.model.channel(t.type) for t in touches)}:
                expected[brand, name, channel] += 1
    rows = world.rows("SELECT * FROM target_progress")
    assert {(r["brand"], r["stage"], r["channel"]): r["actual"] for r in rows} == {
        k: expected[k] for k in targets
    }
    assert all(r["target"] == 4 and r["progress"] == r["actual"] / 4 for r in rows)


# --- what customers did


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
    check_journeys,
    check_journeys_at,
    check_standing_under,
    check_histories,
    check_stage_population,
    check_target_progress,
    check_channel_switches,
    check_paths_to_purchase,
    check_what_sums_count,
    check_content_touches,
    check_zombies,
    check_unmapped_types,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_view_agrees_with_the_obvious_reading_before_and_after_two_customers_become_one(crowd, check):
    check(crowd)
    customers = sorted({customer for _, customer in crowd.by_customer()})
    crowd.merge(customers[0], customers[-1])
    check(crowd)


def test_merging_two_customers_changes_the_history_that_every_view_tells(world):
    world.happen("store.check_in", days_ago=9, handle=1, product="p1", place="s1")
    world.happen("web.purchase", days_ago=8, handle=2, product="p1", amount=Decimal(5), currency="EUR")
    world.happen("social.comment", days_ago=7, handle=1)
    assert world.rows("SELECT * FROM showrooming(window_days = 30)") == []
    assert [r["stage"] for r in world.rows("SELECT stage FROM journeys ORDER BY customer")] == [
        "none",
        "none",
    ]
    world.merge(1, 2)
    [bought] = world.rows("SELECT * FROM showrooming(window_days = 30)")
    assert (bought["place"], bought["customers"], bought["revenue"]) == ("s1", 1, {"EUR": Decimal(5)})
    [row] = world.rows("SELECT * FROM journeys")
    assert (row["stage"], row["handles"], us(row["since"])) == ("affinity", [1, 2], world.touches[2].time_us)
    [switch] = world.rows("SELECT * FROM channel_switches WHERE direction = 'offline to online'")
    assert (switch["switches"], switch["median_gap_s"]) == (1, 86_400)


def test_a_stage_that_the_exact_threshold_makes_is_held_at_its_instant(world):
    share = world.happen("social.share", days_ago=5)
    sql = "SELECT stage FROM journeys_at(at = fromUnixTimestamp64Micro(%(at)s))"
    assert world.rows(sql, at=share.time_us) == [{"stage": "advocacy"}]
    assert world.rows(sql, at=share.time_us + DAY_US) == [{"stage": "none"}]
    assert world.rows(sql, at=share.time_us - 1) == []


def changes(world):
    sql = "SELECT from_stage, to_stage, reason, types, at FROM stage_history_under(model = MODEL, at = now64(6))"
    paths = [world.rows(f"{view} ORDER BY at") for view in (in_force(sql), sql.partition("_under")[0])]
    assert paths[0] == paths[1]
    return [tuple(row.values())[:-1] for row in paths[0]]


def test_interactions_of_one_instant_count_together_whatever_their_order(world):
    for kind in ("web.unsubscribe", *["web.page_view"] * 4, "social.follow", "web.sign_up"):
        world.happen(kind, days_ago=2)
    types = ["social.follow", "web.page_view", "web.sign_up", "web.unsubscribe"]
    assert changes(world)[0] == ("none", "attraction", "evidence", types)


def test_two_stages_that_lapse_at_one_instant_are_one_change(world):
    for kind in (*["social.impression"] * 10, *["social.follow"] * 2):
        world.happen(kind, days_ago=100)
    assert [change[:3] for change in changes(world)] == [
        ("none", "attraction", "evidence"),
        ("attraction", "none", "lapse"),
    ]


def test_an_interaction_at_the_last_instant_of_a_stage_prolongs_it(world):
    world.happen("web.referral_converted", days_ago=100)
    [lapsed] = world.rows("SELECT since FROM journeys")
    world.happen("social.share", days_ago=(world.now_us - us(lapsed["since"])) / DAY_US)
    assert world.touches[1].time_us == us(lapsed["since"])
    assert [change[:3] for change in changes(world)] == [("none", "advocacy", "evidence")]
    assert [us(row["since"]) for row in world.rows("SELECT since FROM journeys")] == [
        world.touches[0].time_us
    ]


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


def test_a_filter_on_brand_and_customer_gives_the_same_row_as_reading_all(crowd):
    for row in crowd.rows("SELECT brand, customer, stage, since, touches, handles FROM journeys"):
        sql = "SELECT brand, customer, stage, since, touches, handles FROM journeys WHERE customer = %(c)s AND brand = %(b)s"
        assert crowd.rows(sql, c=row["customer"], b=row["brand"]) == [row]


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
    models.write(world.client, charity)
    models.activate(world.client, charity, "", world.now_us)
    assert world.rows("SELECT * FROM zombies(days = 30)") == []


def test_of_a_target_the_newest_row_counts_and_a_target_of_nobody_is_reached(world):
    world.client.command(
        "INSERT INTO targets VALUES ('acme', 'audience', '', '2020-01-01', 9, 'first', '2026-01-01 00:00:00'),"
        " ('acme', 'audience', '', '2020-01-01', 0, 'second', '2026-01-02 00:00:00')"
    )
    [row] = world.rows("SELECT * FROM target_progress")
    assert (row["target"], row["actual"], row["progress"], row["note"]) == (0, 0, 1.0, "second")
    assert row["days_left"] < 0


def test_a_type_is_mapped_by_its_name_by_its_verb_or_by_being_neutral(world):
    for kind in ("web.page_view", "kiosk.purchase", "campaign.sent", "kiosk.demo", "identity.link"):
        world.happen(kind, days_ago=1)
    assert [row["type"] for row in world.rows("SELECT type FROM unmapped_types")] == ["kiosk.demo"]


def test_views_on_nothing_are_empty(world):
    sql = "SELECT * FROM {}"
    for view in ("journeys", "stage_population", "channel_switches", "unmapped_types", "target_progress"):
        assert world.rows(sql.format(view)) == []


# --- that they explain themselves


def takes_arguments(table):
    return table["engine"] == "View" and "{" in table["create_table_query"]


def test_every_table_and_view_has_a_comment(world):
    tables = world.rows(TABLES_AND_VIEWS)
    assert len(tables) > 25
    assert [table["name"] for table in tables if not table["comment"]] == []


def test_every_column_has_a_comment(world):
    named = [table["name"] for table in world.rows(TABLES_AND_VIEWS) if not takes_arguments(table)]
    columns = world.rows("SELECT table, name, comment FROM system.columns WHERE database = currentDatabase()")
    assert {column["table"] for column in columns} >= set(named)
    assert [f"{c['table']}.{c['name']}" for c in columns if c["table"] in named and not c["comment"]] == []


def test_a_view_that_takes_arguments_names_them_in_its_comment(world):
    views = [table for table in world.rows(TABLES_AND_VIEWS) if takes_arguments(table)]
    assert {view["name"] for view in views} >= {
        "journeys_at",
        "standing_under",
        "showrooming",
        "webrooming",
        "zombies",
    }
    assert all(view["comment"].startswith(f"{view['name']}(") for view in views)
