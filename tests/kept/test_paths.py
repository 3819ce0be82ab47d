"""The kept paths are those of the definition, after whatever changed tables, and whenever they were brought up to date."""

from contextlib import contextmanager
from random import Random

import pytest

from streams.analysis.verify import verify
from streams.audiences.alone import Exclusive
from streams.audiences.members import HeldError
from streams.clock import from_us
from streams.embedded import change_model
from streams.embedded.embedded import Embedded
from streams.embedded.expire import expire
from streams.embedded.forget import forget
from streams.embedded.rotate import rotate
from streams.faults import BOUNDARIES
from streams.kept import paths
from streams.kept.upkeep import PathUpkeep
from streams.recovery.rebuild import Order
from streams.retention import idle
from streams.retention.terms import set_term
from streams.settings import Settings
from streams.store.connections import opener
from streams.store.port import StoreError
from tests.audiences.world import During, event, load
from tests.fixtures.directories import with_tables
from tests.laws.history import MODEL, OTHER, OTHER_TEXT, TEXT, history

KEY = bytes(32)
DEFINED = "SELECT * FROM stage_steps(model = (SELECT model FROM model_in_force), until = {now:DateTime64(6, 'UTC')}, now = {now:DateTime64(6, 'UTC')})"
TOLD = "SELECT count() AS n FROM kept_paths WHERE customer = {customer:UInt64}"


@contextmanager
def keeping(embedded, alone=None):
    upkeep = PathUpkeep(
        opener(embedded.settings, paths.LIMITS), alone or Exclusive(), embedded.clock, kept_from=0
    )
    try:
        yield upkeep
    finally:
        upkeep.close()


@contextmanager
def opened(data):
    with Embedded(Settings(data=data, handle_key=KEY)) as embedded, keeping(embedded) as upkeep:
        yield embedded, upkeep


@pytest.fixture
def world(tmp_path):
    """People, some of whom have several handles, and their kept paths."""
    with opened(with_tables(tmp_path / "data")) as (embedded, upkeep):
        load(embedded, [item.line for item in history(3).items])
        upkeep.keep(embedded.store)
        assert kept(embedded) == (True, 0)
        yield embedded, upkeep


def kept(embedded):
    return paths.state(embedded.store)


def agree(embedded):
    """Compare, step by step; return how many steps there are."""
    now = {"now": from_us(embedded.clock())}
    found, defined = (
        sorted(tuple(row) for row in embedded.store.query(sql, now))
        for sql in ("SELECT * FROM stage_history", DEFINED)
    )
    assert found == defined
    return len(found)


def drift(embedded):
    (check,) = [one for one in verify(embedded, only=["paths"]) if one.name == "paths"]
    return check.drift


def customers(embedded):
    return [
        row["customer"]
        for row in embedded.store.rows("SELECT DISTINCT customer FROM stage_history ORDER BY customer")
    ]


@pytest.mark.parametrize("seed", range(8))
def test_after_any_batch_and_any_upkeep_the_history_is_the_defined_one(tmp_path, seed):
    random, items = Random(seed), history(seed).items
    with opened(with_tables(tmp_path / "data")) as (embedded, upkeep):
        place = 0
        while place < len(items):
            batch = items[place : place + random.choice([1, 3, 10])]
            place += len(batch)
            load(embedded, [item.line for item in batch])
            agree(embedded)
            if random.random() < 0.4:
                upkeep.keep(embedded.store)
                assert kept(embedded) == (True, 0)
                agree(embedded)
        assert agree(embedded)
        assert drift(embedded) == 0


def test_kept_paths_are_what_is_read(world):
    embedded, _ = world
    embedded.store.client.command(
        "ALTER TABLE kept_paths UPDATE reasons = arrayMap(r -> 'planted', reasons) WHERE 1 SETTINGS mutations_sync = 2"
    )
    reasons = {row["reason"] for row in embedded.store.rows("SELECT DISTINCT reason FROM stage_history")}
    assert reasons == {"planted"}
    assert drift(embedded) > 0


def test_who_has_done_something_since_is_computed_and_the_others_are_not(world):
    embedded, _ = world
    load(embedded, [event("new", "somebody", "web.sign_up")])
    assert kept(embedded) == (True, 1)
    embedded.store.client.command(
        "ALTER TABLE kept_paths UPDATE reasons = arrayMap(r -> 'planted', reasons) WHERE 1 SETTINGS mutations_sync = 2"
    )
    rows = embedded.store.rows(
        "SELECT customer, groupUniqArray(reason) AS reasons FROM stage_history GROUP BY customer"
    )
    assert sorted(row["reasons"] != ["planted"] for row in rows) == [*[False] * (len(rows) - 1), True]


def test_handles_that_join_and_part_move_both_customers(world):
    embedded, upkeep = world
    both = [event(f"{who}-1", who, "web.sign_up", 20) for who in ("ann", "ben")]
    load(embedded, both)
    upkeep.keep(embedded.store)
    ann, ben = {"user": "uann", "email": "ann@example.com"}, {"user": "uben", "email": "ann@example.com"}
    load(embedded, [event("a", 0, days_ago=5, handles=ann), event("b", 0, days_ago=5, handles=ben)])
    agree(embedded)
    upkeep.keep(embedded.store)
    assert agree(embedded)
    load(
        embedded,
        [event("part", 0, "identity.unlink", 4, handles={"user": "uben", "email": "ann@example.com"})],
    )
    assert kept(embedded)[1] >= 2
    agree(embedded)
    upkeep.keep(embedded.store)
    assert kept(embedded) == (True, 0)
    assert agree(embedded)


def test_who_is_forgotten_is_in_no_row(world):
    embedded, upkeep = world
    gone = customers(embedded)[0]
    assert embedded.store.rows(TOLD, {"customer": gone})[0]["n"]
    forget(embedded, gone)
    assert embedded.store.rows(TOLD, {"customer": gone})[0]["n"] == 0
    assert gone not in customers(embedded)
    agree(embedded)
    upkeep.keep(embedded.store)
    assert agree(embedded)
    assert embedded.store.rows(TOLD, {"customer": gone})[0]["n"] == 0


def test_a_path_that_was_computed_before_an_erasure_is_not_written(world):
    embedded, _ = world
    gone = customers(embedded)[0]
    embedded.store.client.command("TRUNCATE TABLE kept_marks")
    with keeping(embedded, During(lambda: forget(embedded, gone))) as upkeep:
        with pytest.raises(HeldError):
            upkeep.keep(embedded.store)
        assert embedded.store.rows(TOLD, {"customer": gone})[0]["n"] == 0
        upkeep.keep(embedded.store)
    assert embedded.store.rows(TOLD, {"customer": gone})[0]["n"] == 0
    assert agree(embedded)


def test_what_another_upkeep_has_written_since_is_not_replaced_by_something_older(world):
    embedded, upkeep = world
    load(embedded, [event("more", "somebody", "web.sign_up")])

    def other():
        upkeep.keep(embedded.store)

    with keeping(embedded, During(other)) as late, pytest.raises(HeldError, match="another process"):
        late.keep(embedded.store)
    assert kept(embedded) == (True, 0)
    assert agree(embedded)


@pytest.mark.parametrize("what", ["rotate", "expire", "model", "rebuild", "idle"])
def test_what_changes_tables_otherwise_ends_what_was_kept(world, what):
    embedded, upkeep = world
    if what == "rotate":
        rotate(embedded, KEY + bytes(range(32)))
        assert embedded.store.rows("SELECT count() AS n FROM kept_paths")[0]["n"] == 0
    elif what == "expire":
        set_term(embedded.store, "lumiere", 5, embedded.clock())
        assert expire(embedded, lambda *_: None)
    elif what == "model":
        change_model.apply(embedded, OTHER, OTHER_TEXT)
    elif what == "rebuild":
        embedded.rebuild(Order(["identity_map"], embedded.clock()))
    else:
        store = embedded.store
        store.client.command("ALTER TABLE interactions DELETE WHERE 1 SETTINGS mutations_sync = 2")
        assert idle.let_go(store, store.insert, from_us(embedded.clock()), embedded.clock())
        assert store.rows("SELECT count() AS n FROM kept_paths")[0]["n"] == 0
        return
    assert not kept(embedded)[0]
    agree(embedded)
    upkeep.keep(embedded.store)
    assert kept(embedded) == (True, 0)
    assert agree(embedded)
    assert drift(embedded) == 0


def test_paths_under_the_model_before_are_let_go_of(world):
    embedded, upkeep = world
    change_model.apply(embedded, OTHER, OTHER_TEXT)
    upkeep.keep(embedded.store)
    assert [row["model"] for row in embedded.store.rows("SELECT DISTINCT model FROM kept_paths")] == [
        OTHER.hash
    ]
    change_model.apply(embedded, MODEL, TEXT)
    agree(embedded)
    upkeep.keep(embedded.store)
    assert agree(embedded)


@pytest.mark.parametrize("point", ["insert.kept_paths", "insert.kept_marks"])
@pytest.mark.parametrize("is_kept", [False, True])
def test_a_write_that_fails_leaves_figures_right(world, monkeypatch, point, is_kept):
    embedded, upkeep = world
    assert point in BOUNDARIES
    if not is_kept:
        embedded.store.client.command("TRUNCATE TABLE kept_marks")
    load(embedded, [item.line for item in history(7).items])
    insert = embedded.store.insert

    def failing(table, rows):
        if f"insert.{table}" == point:
            raise StoreError("no room")
        insert(table, rows)

    monkeypatch.setattr(type(embedded.store), "insert", lambda _, table, rows: failing(table, rows))
    with pytest.raises(StoreError):
        upkeep.keep(embedded.store)
    monkeypatch.undo()
    agree(embedded)
    load(embedded, [item.line for item in history(8).items])
    agree(embedded)
    upkeep.keep(embedded.store)
    assert kept(embedded) == (True, 0)
    assert agree(embedded)


def test_the_step_says_what_fails_and_goes_on(world, monkeypatch):
    embedded, upkeep = world
    monkeypatch.setattr(paths, "state", lambda _: (_ for _ in ()).throw(StoreError("no room")))
    assert upkeep.step(embedded.store) == 60
    assert upkeep.state.errors == 1
    monkeypatch.undo()
    assert upkeep.step(embedded.store) == 5
    assert {name: value for name, _, value in upkeep.samples()}["journey_kept_paths_in_use"] == 1


def test_few_interactions_are_not_worth_it(tmp_path):
    with Embedded(Settings(data=with_tables(tmp_path / "data"), handle_key=KEY)) as embedded:
        load(embedded, [item.line for item in history(3).items])
        upkeep = PathUpkeep(opener(embedded.settings, paths.LIMITS), Exclusive(), embedded.clock)
        upkeep.step(embedded.store)
        upkeep.close()
        assert kept(embedded) == (False, 0)
        assert embedded.store.rows("SELECT count() AS n FROM kept_paths")[0]["n"] == 0


def test_where_nothing_has_come_the_state_is_not_asked_again(world, monkeypatch):
    embedded, upkeep = world
    upkeep.keep(embedded.store)
    asked, state = [], paths.state
    monkeypatch.setattr(paths, "state", lambda store: asked.append(1) or state(store))
    upkeep.keep(embedded.store)
    assert asked == []
    load(embedded, [event("more", "somebody", "web.sign_up")])
    upkeep.keep(embedded.store)
    assert asked == [1]
    assert kept(embedded) == (True, 0)
    assert agree(embedded)
