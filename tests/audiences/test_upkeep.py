"""Who is in an audience follows its query; what fails stays as it was, and hurts no other; nothing is announced twice."""

from contextlib import contextmanager

import pytest

from streams.audiences import members as stored
from streams.audiences.alone import Exclusive
from streams.audiences.members import HeldError
from streams.audiences.upkeep import Upkeep
from streams.process.degraded import Degraded
from streams.store.connections import opener
from tests.audiences.world import audience, changes, event, keeping, load, members, opened
from tests.fixtures.directories import with_tables

THREE = "SELECT customer FROM standings WHERE brand = {brand:String} ORDER BY customer LIMIT 3"


@pytest.fixture
def embedded(tmp_path):
    with opened(with_tables(tmp_path / "data")) as found:
        load(found, [event(who, who, days_ago=1 + who) for who in range(6)])
        yield found


def standing(embedded):
    return sorted(row["customer"] for row in embedded.store.rows("SELECT customer FROM standings"))


@pytest.mark.parametrize(
    "more",
    [
        {"sql": "SELECT customer FROM standings WHERE brand = {brand:String} AND customer % 7 >= 0 AND '%s' != '{x:String}' -- %d"},
        {"sql": "WITH member AS (SELECT customer AS side FROM standings) SELECT side AS customer, 'b' AS audience FROM member;"},
        {"seen_within_days": 300, "places": ["it's %s {x:String} \\", "bastille"]},
    ],
)  # fmt: skip
def test_signs_and_names_in_a_query_mean_what_they_say(embedded, more):
    load(embedded, [event(f"visit-{who}", who, "store.visit", place="bastille") for who in range(6)])
    with keeping(embedded, audience(**more)) as upkeep:
        (done,) = upkeep.refresh(embedded.store)
    assert (done.entered, done.error) == (6, "")


def test_customers_enter_and_leave_as_the_answer_changes_and_each_is_said_once(embedded):
    everybody = standing(embedded)
    with keeping(embedded, audience(not_seen_for_days=3)) as upkeep:
        (done,) = upkeep.refresh(embedded.store)
        assert (done.entered, done.left, done.members, done.error) == (4, 0, 4, "")
        first = members(embedded.store)
        (done,) = upkeep.refresh(embedded.store)
        assert (done.entered, done.left, done.members) == (0, 0, 4)
        load(embedded, [event("back", 5)])
        (done,) = upkeep.refresh(embedded.store)
        assert (done.entered, done.left, done.members) == (0, 1, 3)
    (gone,) = first - members(embedded.store)
    assert changes(embedded.store) == [
        *(("a", one, "entered", "conditions") for one in everybody if one in first),
        ("a", gone, "left", "conditions"),
    ]
    numbers = [row["number"] for row in embedded.store.rows("SELECT number FROM audience_changes")]
    assert len(set(numbers)) == 5


def test_who_comes_back_enters_again(embedded):
    with keeping(
        embedded,
        audience(
            sql="SELECT handle AS customer FROM customers WHERE handle IN (SELECT customer FROM standings) AND (SELECT count() FROM targets) = 0"
        ),
    ) as upkeep:
        upkeep.refresh(embedded.store)
        embedded.store.raw(
            "INSERT INTO targets (brand, stage, channel, due, customers) VALUES ('acme', 'audience', '', '2030-01-01', 1)",
            None,
        )
        upkeep.refresh(embedded.store)
        assert members(embedded.store) == set()
        embedded.store.client.command("TRUNCATE TABLE targets")
        (done,) = upkeep.refresh(embedded.store)
    assert (done.entered, done.members) == (6, 6)
    rows = embedded.store.rows(
        "SELECT m.entered_at = max(c.at) AS is_last FROM audience_members AS m INNER JOIN audience_changes AS c ON c.customer = m.customer GROUP BY m.customer, m.entered_at"
    )
    assert [row["is_last"] for row in rows] == [1] * 6


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT customer FROM nowhere", "nowhere"),
        ("SELECT throwIf(1, 'no') AS customer", "UInt8, not UInt64"),
        ("SELECT throwIf(customer > 0, 'not today') + customer AS customer FROM standings", "not today"),
        ("SELECT brand FROM standings", "it has no column customer, but brand"),
        ("SELECT toString(customer) AS customer FROM standings", "is String, not UInt64"),
        ("SELECT handle AS customer FROM erasing", "the table erasing is not for readers"),
        ("SELECT toUInt64(1) AS customer FROM file('/etc/passwd')", "not for readers"),
        ("SELECT toUInt64(1) AS customer FROM url('http://127.0.0.1/')", "not for readers"),
        ("SELECT customer FROM standings SETTINGS max_execution_time = 0", "max_execution_time"),
        ("INSERT INTO targets SELECT * FROM targets", "not"),
        ("SHOW TABLES", "SELECT"),
        ("SELECT customer FROM standings) UNION ALL (SELECT 1 AS customer", ""),
        ("SELECT customer FROM standings WHERE brand = {other:String}", "other"),
    ],
)  # fmt: skip
def test_one_that_fails_stays_as_it_was_is_named_and_hurts_no_other(embedded, sql, why):
    degraded = Degraded()
    with keeping(embedded, audience(sql=THREE)) as upkeep:
        upkeep.refresh(embedded.store)
    before = members(embedded.store)
    broken = audience(sql=sql)
    upkeep = Upkeep(
        [broken, audience("b")],
        opener(embedded.settings, stored.LIMITS),
        Exclusive(),
        embedded.clock,
        degraded,
    )
    try:
        upkeep.step(embedded.store)
    finally:
        upkeep.close()
    assert upkeep.states[0].errors == 1
    assert why in upkeep.states[0].error
    assert members(embedded.store) == before != set()
    assert members(embedded.store, "b") == set(standing(embedded))
    (said,) = degraded.sentences()
    assert said.startswith("audience a stays as it was: ")


def test_one_that_takes_too_long_is_ended(embedded, monkeypatch):
    monkeypatch.setattr(stored, "LIMITS", {**stored.LIMITS, "max_execution_time": 1})
    slow = audience(
        sql="SELECT customer FROM standings CROSS JOIN (SELECT count() AS n FROM numbers(100000000000)) AS n WHERE n.n > 0"
    )
    upkeep = Upkeep(
        [slow, audience("b")], opener(embedded.settings, stored.LIMITS), Exclusive(), embedded.clock
    )
    try:
        upkeep.step(embedded.store)
    finally:
        upkeep.close()
    assert upkeep.states[0].error
    assert upkeep.states[0].took_s < 20
    assert members(embedded.store, "b") == set(standing(embedded))


def test_members_leave_an_audience_that_is_taken_out_of_the_file_and_one_that_is_given_to_another_brand(
    embedded,
):
    with keeping(embedded, audience("gone"), audience("kept"), audience("moved")) as upkeep:
        upkeep.refresh(embedded.store)
    moved = audience("moved").model_copy(update={"brand": "other"})
    with keeping(embedded, audience("kept"), moved) as upkeep:
        upkeep.refresh(embedded.store)
    assert (members(embedded.store, "gone"), members(embedded.store, "moved")) == (set(), set())
    left = [one for one in changes(embedded.store) if one[2] == "left"]
    assert sorted(left) == sorted(
        (name, one, "left", "file") for name in ("gone", "moved") for one in standing(embedded)
    )


def test_a_large_answer_is_written_block_by_block(embedded, monkeypatch):
    monkeypatch.setattr("streams.audiences.upkeep.BLOCK_ROWS", 4)
    monkeypatch.setattr(
        stored, "_DIFFERENCE", stored._DIFFERENCE.replace(f"LIMIT {stored.BLOCK_ROWS}", "LIMIT 4")
    )
    with keeping(embedded, audience()) as upkeep:
        (done,) = upkeep.refresh(embedded.store)
    assert (done.entered, members(embedded.store)) == (6, set(standing(embedded)))
    assert len(embedded.store.rows("SELECT DISTINCT at FROM audience_changes")) == 2


def test_numbers_grow_also_where_the_clock_goes_back(embedded):
    with keeping(embedded, audience("a"), audience("b")) as upkeep:
        upkeep._clock = lambda: 10
        upkeep.refresh(embedded.store)
    rows = embedded.store.rows(
        "SELECT toString(audience) AS audience, number FROM audience_changes ORDER BY number"
    )
    assert [row["number"] for row in rows] == list(range(10, 22))
    assert [row["audience"] for row in rows] == ["a"] * 6 + ["b"] * 6


def test_an_answer_during_which_something_else_changed_is_not_written(embedded):
    class Changing(Exclusive):
        @contextmanager
        def writing(self, store, stamp):
            if not stored.count(store, "acme", "other"):
                stored.write(store.insert, stored.changes(store, audience("other")), 0, 5)
            with super().writing(store, stamp) as found:
                yield found

    upkeep = Upkeep([audience()], opener(embedded.settings, stored.LIMITS), Changing(), embedded.clock)
    try:
        assert upkeep.step(embedded.store) <= 1
        assert members(embedded.store) == set()
        assert (upkeep.states[0].errors, upkeep.states[0].error) == (0, "")
        upkeep.refresh(embedded.store)
    finally:
        upkeep.close()
    assert members(embedded.store) == set(standing(embedded))


def test_merged_customers_are_who_the_query_says(embedded):
    with keeping(embedded, audience()) as upkeep:
        upkeep.refresh(embedded.store)
        before = members(embedded.store)
        load(
            embedded,
            [
                event("both", 0, handles={"user": "u0", "email": "u1@example.com"}),
                event("same", 1, handles={"user": "u1", "email": "u1@example.com"}),
            ],
        )
        upkeep.refresh(embedded.store)
    after = members(embedded.store)
    assert after == set(standing(embedded))
    assert len(after) == 5
    assert {one[1] for one in changes(embedded.store) if one[2] == "left"} == before - after


def test_it_looks_by_the_cadence_of_each(embedded):
    with keeping(
        embedded,
        audience("often", every_s=5, seen_within_days=9),
        audience("seldom", every_s=900, seen_within_days=9),
    ) as upkeep:
        assert 3 < upkeep.step(embedded.store) <= 5
        assert [state.looks for state in upkeep.states] == [1, 1]
        upkeep._due_s[0] = 0
        upkeep.step(embedded.store)
        assert [state.looks for state in upkeep.states] == [2, 1]


def test_held_errors_are_said_on_health_once_they_last(embedded, monkeypatch):
    class Held(Exclusive):
        def stamp(self, _store):
            raise HeldError("somebody is being erased")

    monkeypatch.setattr("streams.audiences.upkeep._LONG_S", 0.0)
    degraded = Degraded()
    upkeep = Upkeep([audience()], opener(embedded.settings, stored.LIMITS), Held(), embedded.clock, degraded)
    try:
        for _ in range(2):
            upkeep._due_s = [0.0]
            upkeep.step(embedded.store)
    finally:
        upkeep.close()
    assert "somebody is being erased" in degraded.sentences()[0]
