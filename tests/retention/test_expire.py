"""Interactions expire from a data directory: what they gave stays, to the last digit, and they are gone."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from schemas.apath import default_model_text, parse_model
from streams.analysis.explain import explain
from streams.clock import from_us
from streams.embedded import change_model
from streams.embedded.expire import expire, let_go
from streams.embedded.forget import forget
from streams.embedded.rotate import rotate
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.rebuild import Order
from streams.retention.idle import idle
from streams.retention.terms import TermError, horizon_of, kept, set_idle, set_term
from streams.store.clickhouse import QueryError
from tests.faults.child import NOW_US
from tests.retention.history import (
    BRANDS,
    HORIZON,
    MARCH,
    SCORES,
    customers,
    drift,
    event,
    lines,
    load,
    opened,
    path,
)

NOW = from_us(NOW_US)
CHANGED = (
    default_model_text()
    .replace("threshold = 0.5", "threshold = 0.9")
    .replace("weight = 1.5", "weight = 1.75")
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A data directory in which nothing has expired; for copies."""
    data = tmp_path_factory.mktemp("whole") / "data"
    with opened(data) as embedded:
        load(embedded, lines())
    return data


@pytest.fixture(scope="module")
def expected(whole, tmp_path_factory):
    """What is to stay: every customer now, the path since the horizon, and explanations."""
    data = shutil.copytree(whole, tmp_path_factory.mktemp("copy") / "data", symlinks=True)
    with opened(data) as embedded:
        everyone = customers(embedded, NOW)
        return everyone, path(embedded, NOW, HORIZON), [_scores(embedded, row) for row in everyone[:40]]


def _scores(embedded, row):
    found = explain(embedded.store, embedded.model, row["brand"], row["customer"], NOW)
    return found.touches, found.stage, [each.score for each in found.stages]


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "data", symlinks=True)


def expired(embedded, months: int = 2) -> int:
    for brand in BRANDS:
        set_term(embedded.store, brand, months, embedded.clock())
    return sum(one.events for one in expire(embedded, lambda *_: None))


def assert_same_customers(found, wanted):
    assert len(found) == len(wanted) > 20
    for row, other in zip(found, wanted, strict=True):
        assert {name: row[name] for name in row if name not in SCORES and name != "lapses_at"} == {
            name: other[name] for name in other if name not in SCORES and name != "lapses_at"
        }
        for name in SCORES:
            assert row[name] == _near(other[name])
        assert (row["lapses_at"] is None) == (other["lapses_at"] is None)
        if row["lapses_at"]:
            assert abs(row["lapses_at"] - other["lapses_at"]) < timedelta(milliseconds=5)


def _near(score):
    return score if score is None else pytest.approx(score, rel=1e-9, abs=1e-9)


def counts(embedded) -> dict[str, int]:
    (row,) = embedded.store.rows(
        "SELECT (SELECT count() FROM interactions) AS there, (SELECT count() FROM expired_events) AS keys,"
        " (SELECT sum(rows) FROM system.parts WHERE table = 'interactions' AND active AND database = currentDatabase()) AS stored"
    )
    return row


def test_stages_scores_revenue_touches_and_paths_stay_and_the_interactions_are_gone(copy, expected):
    everyone, since, scores = expected
    with opened(copy) as embedded:
        before = counts(embedded)["there"]
        gone = expired(embedded)
        assert 0 < gone < before
        assert counts(embedded) == {"there": before - gone, "keys": gone, "stored": before - gone}
        assert embedded.store.rows(
            "SELECT count() AS n FROM interactions WHERE time < {at:DateTime64(6, 'UTC')}", {"at": HORIZON}
        ) == [{"n": 0}]
        assert drift(embedded) == []
        assert_same_customers(customers(embedded, NOW), everyone)
        assert path(embedded, NOW, HORIZON) == since
        for row, (touches, stage, wanted) in zip(everyone[:40], scores, strict=True):
            assert _scores(embedded, row) == (touches, stage, [_near(score) for score in wanted])
        embedded.look()
        assert embedded.losses.found == ()
    with opened(copy) as embedded:  # restored from the tables
        assert drift(embedded) == []
        assert embedded.lost() == []


def test_at_the_horizon_the_path_begins_with_what_has_expired(copy):
    with opened(copy) as embedded:
        stood = {
            (row["brand"], row["customer"]): str(row["stage"])
            for row in customers(embedded, HORIZON)
            if str(row["stage"]) != "none"
        }
        expired(embedded)
        begun = [row for row in path(embedded, NOW, MARCH) if row["reason"] == "retention"]
        assert {(row["brand"], row["customer"]): str(row["to_stage"]) for row in begun} == stood
        assert {row["at"] for row in begun} == {HORIZON.replace(tzinfo=begun[0]["at"].tzinfo)}
        assert {tuple(row["types"]) for row in begun} == {()}


def test_a_repeat_of_what_has_expired_does_not_count_whatever_its_time(copy):
    events = lines()
    moved = [
        event(
            f"buy{n}",
            "store.purchase",
            "2026-06-01T12:00:00Z",
            {"loyalty": [f"L-{n}"]},
            amount=99,
            currency="EUR",
        )
        for n in range(6)
    ]
    with opened(copy) as embedded:
        expired(embedded)
        wanted = customers(embedded, NOW)
        assert load(embedded, events)[0] == 0
        assert load(embedded, moved)[0] == 0
        assert customers(embedded, NOW) == wanted
        assert drift(embedded) == []
    with opened(copy) as embedded:
        assert load(embedded, moved + events[:200])[0] == 0
        assert drift(embedded) == []


def test_an_event_that_comes_late_counts_and_expires_with_the_next_run(copy):
    late = [
        event(
            f"late{n}",
            "store.purchase",
            f"2026-03-2{n}T09:00:00Z",
            {"loyalty": [f"L-{n}"]},
            amount=7,
            currency="EUR",
        )
        for n in range(5)
    ]
    with opened(copy) as embedded:
        expired(embedded)
        before = {(r["brand"], r["customer"]): r["revenue"] for r in customers(embedded, NOW)}
        assert load(embedded, late) == (5, 0)
        more = {(r["brand"], r["customer"]): r["revenue"] for r in customers(embedded, NOW)}
        assert (
            sum(r.get("EUR", 0) for r in more.values()) - sum(r.get("EUR", 0) for r in before.values()) == 35
        )
        assert drift(embedded) == []
        assert list(expire(embedded, lambda *_: None, late_too=False)) == []
        assert [one.events for one in expire(embedded, lambda *_: None)] == [5]
        assert {(r["brand"], r["customer"]): r["revenue"] for r in customers(embedded, NOW)} == more
        assert drift(embedded) == []
        assert expire(embedded, lambda *_: None) == []


def test_month_after_month_gives_what_one_expiry_gives(copy, expected):
    for month in (4, 5, 6):
        now = datetime(2026, month, 5, 12, tzinfo=UTC)
        with opened(copy, int(now.timestamp()) * 1_000_000) as embedded:
            assert expired(embedded, 2) > 0
    with opened(copy) as embedded:
        assert drift(embedded) == []
        assert_same_customers(customers(embedded, NOW), expected[0])
        (row,) = embedded.store.rows("SELECT uniqExact(number) AS n FROM carried_touches")
        assert row == {"n": 2}  # of each brand the sums of the last one


def test_another_model_weighs_what_is_there_and_what_was_carried_and_all_recomputes(copy):
    with opened(copy) as embedded:
        expired(embedded)
        revenue = [row["revenue"] for row in customers(embedded, NOW)]
        touches = [row["touches"] for row in customers(embedded, NOW)]
        change_model.apply(embedded, parse_model(CHANGED), CHANGED)
        assert drift(embedded) == []
        assert [row["touches"] for row in customers(embedded, NOW)] == touches
        assert [row["revenue"] for row in customers(embedded, NOW)] == revenue
        expired(embedded, 1)  # the sums go on under it
        assert drift(embedded) == []
        default = default_model_text()
        change_model.apply(embedded, parse_model(default), default)
        assert drift(embedded) == []


def test_tables_are_rebuilt_with_what_was_carried(copy, expected):
    with opened(copy) as embedded:
        expired(embedded)
        for table in ("evidence", "minute_counts", "identity_links", "identity_map"):
            embedded.store.client.command(f"TRUNCATE TABLE {table}")
        embedded.look()
        embedded.rebuild(Order(FOLLOWING, NOW_US))
        assert drift(embedded) == []
        assert_same_customers(customers(embedded, NOW), expected[0])


def test_somebody_who_is_forgotten_is_gone_from_the_sums_too(copy):
    with opened(copy) as embedded:
        expired(embedded)
        (who,) = embedded.store.rows(
            "SELECT customer, groupArray(handle) AS handles FROM customers WHERE customer IN"
            " (SELECT c.customer FROM carried_touches AS t INNER JOIN customers AS c ON c.handle = t.handle) GROUP BY customer ORDER BY length(handles) DESC LIMIT 1"
        )
        _, found = forget(embedded, who["customer"])
        assert found.events > 0
        assert drift(embedded) == []
        for table, column in (("carried_touches", "handle"), ("carried_evidence", "handle"), ("carried_handles", "handle"),
                              ("expired_events", "handle"), ("carried_links", "left_handle"), ("carried_links", "right_handle"), ("evidence", "handle")):  # fmt: skip
            rows = embedded.store.rows(
                f"SELECT count() AS n FROM {table} WHERE {column} IN {{who:Array(UInt64)}}",
                {"who": who["handles"]},
            )
            assert rows == [{"n": 0}], table
        embedded.look()
        assert embedded.losses.found == ()


def test_another_key_renames_the_sums(copy, expected):
    with opened(copy) as embedded:
        expired(embedded)
        stages = sorted(
            (row["brand"], str(row["stage"]), row["touches"], row["revenue"].get("EUR", 0))
            for row in customers(embedded, NOW)
        )
    from streams.embedded.embedded import Embedded  # noqa: PLC0415
    from streams.settings import Settings  # noqa: PLC0415

    successor = Settings(copy, handle_key=bytes(range(32)) + bytes(range(100, 132)))
    with Embedded(successor, clock=lambda: NOW_US) as embedded:
        rotate(embedded)
        assert drift(embedded) == []
        assert stages == sorted(
            (row["brand"], str(row["stage"]), row["touches"], row["revenue"].get("EUR", 0))
            for row in customers(embedded, NOW)
        )
        assert expired(embedded, 1) > 0
        assert drift(embedded) == []


BEFORE = (
    "SELECT count() FROM journeys_at(at = '2026-03-01 00:00:00')",
    "SELECT count() FROM journeys_at(at = '2026-03-01 00:00:00') WHERE brand = 'maison'",
    "SELECT count() FROM stage_history_under(model = (SELECT model FROM model_in_force), at = '2026-03-31 23:59:59')",
)


def test_a_question_about_an_instant_before_the_horizon_is_refused_in_words_and_one_since_then_answered_as_before(
    copy,
):
    at = datetime(2026, 4, 15, tzinfo=UTC)
    with opened(copy) as embedded:
        wanted = customers(embedded, at)
        expired(embedded)
        for query in BEFORE:
            with pytest.raises(QueryError, match="have expired"):
                embedded.store.rows(query)
        assert_same_customers(customers(embedded, at), wanted)


def test_a_brand_alone_expires_and_of_the_others_every_instant_can_be_asked(copy):
    asked = "SELECT * FROM journeys_at(at = '2026-03-01 00:00:00') WHERE brand = 'lumiere' ORDER BY customer"
    with opened(copy) as embedded:
        set_term(embedded.store, "maison", 2, NOW_US)
        wanted = embedded.store.rows(asked)
        assert [one.brand for one in expire(embedded, lambda *_: None)] == ["maison"]
        assert_same_customers(embedded.store.rows(asked), wanted)
        assert drift(embedded) == []


def test_longer_terms_bring_nothing_back_and_shorter_ones_take_more(copy):
    with opened(copy) as embedded:
        first = expired(embedded, 2)
        assert expired(embedded, 4) == 0
        assert {row.horizon for row in kept(embedded.store)} == {HORIZON}
        assert expired(embedded, 0) == 0
        assert expired(embedded, 1) > 0
        assert drift(embedded) == []
        assert sum(row.expired for row in kept(embedded.store)) > first


@pytest.mark.parametrize(("brand", "months"), [("nobody", 3), ("lumiere", -1), ("lumiere", 1_201)])
def test_a_term_that_cannot_be_is_refused(copy, brand, months):
    with opened(copy) as embedded, pytest.raises(TermError):
        set_term(embedded.store, brand, months, NOW_US)


@pytest.mark.parametrize(
    ("at", "months", "horizon"),
    [
        ("2026-06-05", 2, "2026-04-01"),
        ("2026-01-01", 1, "2025-12-01"),
        ("2026-12-31", 25, "2024-11-01"),
        ("2026-03-01", 1_200, "1926-03-01"),
    ],
)
def test_a_horizon_is_the_first_of_a_month(at, months, horizon):
    now_us = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()) * 1_000_000
    assert f"{horizon_of(now_us, months):%Y-%m-%d}" == horizon


def test_what_was_ever_linked_to_a_handle_that_stays_is_kept(tmp_path):
    """Seven people on one phone are not one person; let go of five, and two would be."""
    phone = "+33612345678"
    shared = [
        event(f"k{n}", "store.visit", f"2026-01-1{n}T12:00:00Z", {"email": [f"k{n}@example.org"], "phone": [phone]}) for n in range(7)
    ]  # fmt: skip
    later = [
        event(f"l{n}", "store.visit", "2026-06-01T12:00:00Z", {"email": [f"k{n}@example.org"]})
        for n in range(2)
    ]
    later.append(event("kiosk", "store.visit", "2026-06-02T12:00:00Z", {"phone": [phone]}))
    alone = event("alone", "store.visit", "2026-01-12T12:00:00Z", {"email": ["alone@example.org"]})
    people = "SELECT uniqExact(customer) AS n FROM customers"
    with opened(tmp_path / "data") as embedded:
        load(embedded, [*shared, *later, alone])
        before = embedded.store.rows(people)
        set_term(embedded.store, "lumiere", 2, NOW_US)
        assert sum(one.events for one in expire(embedded, lambda *_: None)) == 8
        set_idle(embedded.store, 3, NOW_US)
        assert let_go(embedded) == 1
        assert drift(embedded) == []
        load(embedded, [event("again", "store.visit", "2026-06-03T12:00:00Z", {"email": ["k0@example.org"]})])
        assert drift(embedded) == []
        assert embedded.store.rows(people)[0]["n"] == before[0]["n"] - 1


def seen(embedded) -> list[list[dict]]:
    """Return what is in the table, and in each of the orders that ClickHouse keeps beside it."""
    database = embedded.store.database
    return [
        embedded.store.rows(
            f"SELECT brand, count(handle) AS n, min(time) AS first FROM {source} GROUP BY brand ORDER BY brand"
            " SETTINGS optimize_use_projections = 0"
        )
        for source in (
            "interactions",
            *(f"mergeTreeProjection({database}, interactions, {name})" for name in ("by_time", "by_event")),
        )
    ]


def test_what_has_expired_is_in_no_order_of_the_table_and_off_the_disk(copy):
    with opened(copy) as embedded:
        assert expired(embedded) > 0
        table, *projections = seen(embedded)
        assert projections == [table, table]
        assert all(row["first"].replace(tzinfo=UTC) >= HORIZON for row in table)
        (stored,) = embedded.store.rows(
            "SELECT sum(rows) AS n FROM system.parts WHERE active AND database = currentDatabase() AND table = 'interactions'"
        )
        assert stored["n"] == counts(embedded)["there"] == sum(row["n"] for row in table)


def test_brands_that_expire_together_rewrite_the_table_once(copy):
    with opened(copy) as embedded:
        assert expired(embedded) > 0
        mutations = embedded.store.rows(
            "SELECT command FROM system.mutations WHERE database = currentDatabase() AND table = 'interactions' AND command LIKE '%DELETE WHERE%'"
        )
        assert len(mutations) == 1
        assert drift(embedded) == []


def test_a_directory_whose_expired_rows_are_still_in_projections_is_mended_when_it_is_opened(copy):
    """Until the version before, an expiry marked rows; ClickHouse kept them in projections."""
    with opened(copy) as embedded:
        command = embedded.store.client.command
        command("ALTER TABLE interactions MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild'")
        command("DELETE FROM interactions WHERE time < '2026-03-01'")
        table, *projections = seen(embedded)
        assert projections != [table, table]
        command(
            "ALTER TABLE migrations DELETE WHERE name = '0023_deleted_rows.sql' SETTINGS mutations_sync = 2"
        )
    with opened(copy) as embedded:
        assert seen(embedded) == [table, table, table]
        (made,) = embedded.store.rows(
            "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'interactions'"
        )
        assert "lightweight_mutation_projection_mode = 'drop'" in made["engine_full"]


def test_a_late_event_from_before_the_horizon_comes_into_the_path_there(copy):
    with opened(copy) as embedded:
        expired(embedded)
        wanted = path(embedded, NOW, MARCH)
        late = [
            event(f"late{n}", "store.visit", f"2026-03-2{n}T09:00:00Z", {"loyalty": [f"L-{n}"]})
            for n in range(5)
        ]
        load(embedded, late)
        found = path(embedded, NOW, MARCH)
        begins = HORIZON.replace(tzinfo=None)
        assert min(row["at"] for row in found) == min(row["at"] for row in wanted) == begins
        assert {row["reason"] for row in found if row["at"] == begins} == {"retention"}
        assert drift(embedded) == []


def test_handles_of_which_nothing_is_heard_are_let_go_of_and_the_others_stay(copy):
    with opened(copy) as embedded:
        load(
            embedded,
            [
                event(
                    "alone",
                    "store.visit",
                    "2026-02-01T12:00:00Z",
                    {"loyalty": ["L-99"], "email": ["gone@example.org"]},
                )
            ],
        )
        expired(embedded, 2)
        known = len(embedded.engine.identity.graph.handles)
        everyone = customers(embedded, NOW)
        set_idle(embedded.store, 3, NOW_US)
        handles = idle(embedded.store, horizon_of(NOW_US, 3))
        gone = {row["customer"] for row in everyone} & set(handles.tolist())
        assert let_go(embedded) == len(handles) >= 2
        assert drift(embedded) == []
        assert len(embedded.engine.identity.graph.handles) == known - len(handles)
        assert customers(embedded, NOW) == [row for row in everyone if row["customer"] not in gone]
        assert all(
            row["last_seen"].replace(tzinfo=UTC) < horizon_of(NOW_US, 3)
            for row in everyone
            if row["customer"] in gone
        )
        embedded.look()
        assert embedded.losses.found == ()
        # Somebody new, who has the same handles.
        assert load(
            embedded, [event("back", "store.visit", "2026-06-01T12:00:00Z", {"loyalty": ["L-99"]})]
        ) == (1, 0)
        assert drift(embedded) == []
        assert let_go(embedded) == 0
    with opened(copy) as embedded:
        assert drift(embedded) == []
        assert embedded.store.rows("SELECT what, handles FROM erasures") == [{"what": "idle", "handles": 0}]
