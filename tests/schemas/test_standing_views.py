"""Views of where customers stand say what a slow and obvious reading of the same interactions says."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from journey.model import StagePolicy
from streams.apath import in_force as models
from tests.schemas.reading import (
    DAY_US,
    NAMES,
    before_and_after_a_merge,
    check_since,
    check_standings,
    close,
    history,
    in_force,
    scores,
    stage,
    us,
)


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


def check_unhappy_customers(world):
    for days in (0, 30):
        at_us = world.now_us - days * DAY_US
        expected = {}
        for key, touches in world.by_customer().items():
            known = [t for t in touches if t.time_us <= at_us]
            found = scores(world, known, at_us, world.model)
            low = [-0.1 * policy.threshold for policy in world.model.stages]
            if any((found[s] or 0) < low[s] for s in (2, 4)):
                against = max(
                    (t.time_us, t.event)
                    for t in known
                    if any(weight < 0 and stage in (3, 5) for stage, weight in world.weights(t))
                )
                places = [t.place for t in known if t.place]
                expected[key] = (found[2], found[4], against[1], places[-1] if places else "")
        rows = world.rows(
            "SELECT * FROM unhappy_customers(at = fromUnixTimestamp64Micro(%(at)s))",
            at=at_us,
        )
        assert {(row["brand"], row["customer"]) for row in rows} == expected.keys()
        for row in rows:
            affinity, advocacy, event, place = expected[row["brand"], row["customer"]]
            assert row["affinity"] == (None if affinity is None else pytest.approx(affinity, rel=1e-9))
            assert row["advocacy"] == (None if advocacy is None else pytest.approx(advocacy, rel=1e-9))
            assert (row["last_event"], row["place"]) == (event, place)


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


CHECKS = [
    check_journeys,
    check_journeys_at,
    check_standing_under,
    check_histories,
    check_unhappy_customers,
    check_stage_population,
    check_target_progress,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_view_agrees_with_the_obvious_reading_before_and_after_two_customers_become_one(crowd, check):
    before_and_after_a_merge(crowd, check)


def test_a_stage_that_the_exact_threshold_makes_is_held_at_its_instant(world):
    for _ in range(8):  # of 0.05 each, where 0.4 makes the stage
        mail = world.happen("campaign.delivered", days_ago=5)
    sql = "SELECT stage FROM journeys_at(at = fromUnixTimestamp64Micro(%(at)s))"
    assert world.rows(sql, at=mail.time_us) == [{"stage": "attention"}]
    assert world.rows(sql, at=mail.time_us + DAY_US) == [{"stage": "none"}]
    assert world.rows(sql, at=mail.time_us - 1) == []


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
    for kind in (*["social.impression"] * 16, *["social.follow"] * 5):
        world.happen(kind, days_ago=100)
    assert [change[:3] for change in changes(world)] == [
        ("none", "attraction", "evidence"),
        ("attraction", "none", "lapse"),
    ]


def test_an_interaction_at_the_last_instant_of_a_stage_prolongs_it(world):
    world.happen("web.referral_converted", days_ago=150)
    [lapsed] = world.rows("SELECT since FROM journeys")
    world.happen("social.share", days_ago=(world.now_us - us(lapsed["since"])) / DAY_US)
    assert world.touches[1].time_us == us(lapsed["since"])
    assert [change[:3] for change in changes(world)] == [("none", "advocacy", "evidence")]
    assert [us(row["since"]) for row in world.rows("SELECT since FROM journeys")] == [
        world.touches[0].time_us
    ]


def test_a_filter_on_brand_and_customer_gives_the_same_row_as_reading_all(crowd):
    rows = crowd.rows("SELECT brand, customer, stage, since, touches, handles FROM journeys ORDER BY ALL")
    for row in (rows[0], rows[len(rows) // 2], rows[-1]):  # of both brands
        sql = "SELECT brand, customer, stage, since, touches, handles FROM journeys WHERE customer = %(c)s AND brand = %(b)s"
        assert crowd.rows(sql, c=row["customer"], b=row["brand"]) == [row]


def test_of_a_target_the_newest_row_counts_and_one_of_no_customers_ends_it(world):
    world.client.command(
        "INSERT INTO targets VALUES ('acme', 'audience', '', '2020-01-01', 9, 'first', '2026-01-01 00:00:00'),"
        " ('acme', 'audience', '', '2020-01-01', 8, 'second', '2026-01-02 00:00:00')"
    )
    [row] = world.rows("SELECT * FROM target_progress")
    assert (row["target"], row["actual"], row["progress"], row["note"]) == (8, 0, 0.0, "second")
    assert row["days_left"] < 0
    world.client.command(
        "INSERT INTO targets VALUES ('acme', 'audience', '', '2020-01-01', 0, 'third', '2026-01-03 00:00:00')"
    )
    assert world.rows("SELECT * FROM target_progress") == []
