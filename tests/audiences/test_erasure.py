"""Who is erased is in no audience any more, nor ever again; another key announces nobody anew; a restore gives no number twice."""

import pytest

from streams.audiences import members as stored
from streams.audiences.upkeep import Upkeep
from streams.clock import from_us
from streams.embedded.forget import begin, forget
from streams.embedded.rotate import rotate
from streams.erasure import statements
from streams.handles import key as keys
from streams.retention import idle
from streams.store.connections import opener
from tests.audiences.world import KEY, During, audience, changes, event, keeping, load, members, opened
from tests.backup.world import journey
from tests.fixtures.directories import with_tables

NAMED = "SELECT count() AS n FROM audience_changes WHERE customer = {customer:UInt64}"


@pytest.fixture
def embedded(tmp_path):
    with opened(with_tables(tmp_path / "data")) as found:
        load(found, [event(who, who, days_ago=1 + who) for who in range(6)])
        with keeping(found, audience()) as upkeep:
            upkeep.refresh(found.store)
        yield found


def named(store, customer):
    return store.rows(NAMED, {"customer": customer})[0]["n"]


def refresh(embedded):
    with keeping(embedded, audience()) as upkeep:
        return upkeep.refresh(embedded.store)[0]


@pytest.mark.parametrize("consent", ["", "denied"])
def test_an_erased_customer_leaves_no_row_and_no_word_of_leaving(embedded, consent):
    gone = min(members(embedded.store))
    forget(embedded, gone, consent=consent)
    assert named(embedded.store, gone) == 0
    done = refresh(embedded)
    assert (done.entered, done.left, done.members) == (0, 0, 5)
    assert named(embedded.store, gone) == 0
    assert all(change == "entered" for _, _, change, _ in changes(embedded.store))


def test_who_was_named_otherwise_before_a_merge_is_erased_with_that_name(embedded):
    both = [
        event("x", 0, handles={"user": "u0", "email": "u1@example.com"}),
        event("y", 1, handles={"user": "u1", "email": "u1@example.com"}),
    ]
    before = members(embedded.store)
    load(embedded, both)
    refresh(embedded)
    merged = [one for one in before | members(embedded.store) if named(embedded.store, one) != 1]
    merged += before - members(embedded.store)
    assert merged
    forget(embedded, merged[0])
    assert [named(embedded.store, one) for one in merged] == [0] * len(merged)
    assert len({one for _, one, _, _ in changes(embedded.store)}) == 4


def test_an_answer_from_before_an_erasure_brings_nobody_back(embedded):
    gone = min(members(embedded.store))
    alone = During(lambda: forget(embedded, gone))
    upkeep = Upkeep(
        [audience(), audience("b")], opener(embedded.settings, stored.LIMITS), alone, embedded.clock
    )
    try:
        upkeep.step(embedded.store)
        assert members(embedded.store, "b") == set(), "it was asked before"
        upkeep.refresh(embedded.store)
    finally:
        upkeep.close()
    assert len(members(embedded.store, "b")) == 5
    assert named(embedded.store, gone) == 0


def test_nothing_is_written_while_somebody_is_being_erased(embedded):
    gone = min(members(embedded.store))
    receipt = begin(embedded, [gone], "", "")
    with keeping(embedded, audience("b")) as upkeep:
        upkeep.step(embedded.store)
        assert members(embedded.store, "b") == set()
        statements.keep_receipt(embedded.store, embedded.store.insert, receipt, embedded.clock())
        upkeep.step(embedded.store)
        assert members(embedded.store, "b") == set()
        embedded.finish_erasures()
        upkeep.refresh(embedded.store)
    assert len(members(embedded.store, "b")) == 5
    assert named(embedded.store, gone) == 0


def test_another_key_renames_members_and_announces_nobody(embedded):
    before = changes(embedded.store)
    rotate(embedded, KEY + bytes(range(32)))
    after = changes(embedded.store)
    assert len(after) == len(before)
    assert not {one[1] for one in before} & {one[1] for one in after}
    done = refresh(embedded)
    assert (done.entered, done.left, done.members) == (0, 0, 6)
    assert changes(embedded.store) == after


@pytest.mark.parametrize("state", [keys.BEGUN, keys.READY])
def test_nothing_is_written_while_handles_get_another_key(embedded, state):
    keys.keep(embedded.store, "another", state, embedded.clock())
    with keeping(embedded, audience("b")) as upkeep:
        upkeep.step(embedded.store)
    assert members(embedded.store, "b") == set()


def test_an_answer_from_before_another_key_is_not_written(embedded):
    alone = During(lambda: rotate(embedded, KEY + bytes(range(32))))
    upkeep = Upkeep(
        [audience(), audience("b")], opener(embedded.settings, stored.LIMITS), alone, embedded.clock
    )
    try:
        upkeep.step(embedded.store)
        assert members(embedded.store, "b") == set()
        upkeep.refresh(embedded.store)
    finally:
        upkeep.close()
    standing = {row["customer"] for row in embedded.store.rows("SELECT customer FROM standings")}
    assert members(embedded.store, "b") == standing


def test_customers_who_are_let_go_of_leave_no_row(embedded):
    store = embedded.store
    store.client.command("ALTER TABLE interactions DELETE WHERE 1 SETTINGS mutations_sync = 2")
    begun = []
    count = idle.let_go(
        store, store.insert, from_us(embedded.clock()), embedded.clock(), lambda: begun.append(1)
    )
    assert (count, begun) == (6, [1])
    assert changes(store) == []


def test_a_restored_directory_gives_no_number_twice(tmp_path, embedded):
    embedded.close()
    environment = {"JOURNEY_HANDLE_KEY": KEY.hex()}
    journey("backup", tmp_path / "backup", "--data", tmp_path / "data", **environment)
    numbers = "SELECT number FROM audience_changes ORDER BY number"
    with opened(tmp_path / "data") as after:
        with keeping(after, audience(), audience("b")) as upkeep:
            upkeep.refresh(after.store)
        given = {row["number"] for row in after.store.rows(numbers)}
    journey("restore", tmp_path / "backup", tmp_path / "restored", **environment)
    with opened(tmp_path / "restored") as restored:
        kept = {row["number"] for row in restored.store.rows(numbers)}
        assert len(members(restored.store)) == 6
        with keeping(restored, audience(), audience("c")) as upkeep:
            upkeep.refresh(restored.store)
        fresh = {row["number"] for row in restored.store.rows(numbers)} - kept
    assert kept < given
    assert len(fresh) == 6
    assert min(fresh) > max(given)
