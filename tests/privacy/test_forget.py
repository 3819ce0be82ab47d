"""`journey forget` in a data directory: nothing of her is left, and everything of the others is."""

from dataclasses import replace

import pytest

from journey.identity.handle import KINDS
from streams.alerts.ledger import Ledger
from streams.analysis.verify import verify
from streams.embedded.embedded import Embedded
from streams.embedded.forget import forget
from streams.erasure.statements import Erased, count
from streams.handles.links import handles_of
from streams.settings import Settings
from tests.alerts.examples import told
from tests.faults.child import BROKEN_CHAINS, TABLES
from tests.fixtures.directories import with_tables
from tests.privacy.people import HERS, KEY, KIOSK, RAW, event, hers, history, identifier, only, others
from tests.privacy.traces import in_files, in_tables, patterns

NOW_US = 1_780_617_600_000_000  # 2026-06-05
LATER = "2026-06-05T00:00:00Z"  # the instant at which she is forgotten
WANTED = patterns(RAW, HERS)


@pytest.fixture
def opened(tmp_path):
    with Embedded(Settings(with_tables(tmp_path / "data"), handle_key=KEY), clock=lambda: NOW_US) as embedded:
        yield embedded


def load(embedded, lines, size=7):
    edge = embedded.edge()
    for start in range(0, len(lines), size):
        embedded.load(
            [edge.pack(lines[start : start + size], topic="file", now_us=NOW_US, first_offset=start + 1)]
        )
    embedded.tick()


def drift(embedded):
    return [(check.name, check.rows) for check in verify(embedded) if check.drift]


def test_nothing_of_her_is_in_any_table_or_file_and_all_figures_recompute(opened, tmp_path):
    load(opened, history())
    assert in_tables(opened.store, patterns([], HERS))  # what is looked for can be found
    assert in_files(tmp_path, patterns([], HERS))
    receipt, found = forget(opened, HERS[0], "asked by mail")
    assert found == Erased(
        handles=4, events=5, links=4, announcements=found.announcements, mentions=2, dead_letters=1
    )
    assert found.announcements > 0
    assert drift(opened) == []
    assert in_tables(opened.store, WANTED) == []
    assert in_files(tmp_path, WANTED, but=["handle.key"]) == []
    (kept,) = opened.store.rows("SELECT * FROM erasures")
    assert (kept["receipt"], kept["what"], kept["reason"], kept["events"]) == (
        receipt,
        "customer",
        "asked by mail",
        5,
    )
    assert opened.store.rows(BROKEN_CHAINS) == []


def test_alerts_lose_their_examples_where_one_is_hers_and_nothing_else(opened):
    load(opened, history())
    rows = opened.store.rows(
        "SELECT brand, time, max(handle IN {hers:Array(UInt64)}) AS of_her FROM interactions"
        " GROUP BY brand, time ORDER BY time",
        {"hers": HERS},
    )
    ledger = Ledger(opened.store, opened.store.insert)
    for number, her in enumerate((True, False), 1):
        row = next(row for row in rows if row["of_her"] == her)
        example = {"at": row["time"].isoformat(), "type": "social.share", "content": 'a "],"cascade" b'}
        one = told(number, brand=row["brand"], id=f"{number:016x}")
        ledger.add(replace(one, reason=dict(one.reason) | {"examples": [example]}))
    before = ledger.changes()
    forget(opened, HERS[0])
    assert [len(one.reason["examples"]) for one in ledger.changes()] == [0, 1]
    for was, is_now in zip(before, ledger.changes(), strict=True):
        assert dict(was.reason) | {"examples": []} == dict(is_now.reason) | {"examples": []}


def test_others_are_as_if_she_had_never_been_there(opened, tmp_path):
    load(opened, history())
    forget(opened, HERS[2])
    found = {
        name: opened.store.rows(TABLES[name]) for name in ("evidence", "minute_counts", "stages", "customers")
    }
    left = {row["id"]: row for row in opened.store.rows("SELECT id, handles, kinds FROM interactions")}
    assert left["both"]["handles"] == [identifier("email", "p1@example.org")]
    assert left["both"]["kinds"] == ["email"]
    opened.close()
    with Embedded(Settings(with_tables(tmp_path / "other"), handle_key=KEY), clock=lambda: NOW_US) as other:
        load(
            other,
            [
                *others(),
                event("both", "web.purchase", 6, {"email": "p1@example.org"}, amount=2, currency="EUR"),
            ],
        )
        for name, rows in found.items():
            want = other.store.rows(TABLES[name])
            assert [str(row) for row in rows] == [str(row) for row in want], name


def test_a_later_event_of_the_same_handles_begins_anew(opened):
    load(opened, history())
    forget(opened, HERS[0])
    load(opened, hers("again", LATER))
    assert handles_of(opened.store, HERS[0]) == sorted(HERS)
    (row,) = opened.store.rows(
        "SELECT count() AS n, min(startsWith(id, 'again')) AS new FROM touchpoints WHERE customer = {c:UInt64}",
        {"c": min(HERS)},
    )
    assert row == {"n": 5, "new": 1}
    assert drift(opened) == []
    first = count(opened.store, HERS)
    receipt, found = forget(opened, HERS[1])
    assert found == first
    assert receipt
    assert drift(opened) == []


def test_a_state_that_was_restored_is_the_one_that_went_on(opened, tmp_path):
    load(opened, history())
    forget(opened, HERS[0])
    load(opened, others(25) + hers("again", LATER))
    tables = {name: opened.store.rows(sql) for name, sql in TABLES.items()}
    opened.close()
    with Embedded(Settings(with_tables(tmp_path / "data"), handle_key=KEY), clock=lambda: NOW_US) as again:
        again.tick()
        assert {name: again.store.rows(sql) for name, sql in TABLES.items()} == tables
        assert drift(again) == []


def test_somebody_unknown_is_no_error_and_no_receipt(opened):
    load(opened, others())
    receipt, found = forget(opened, HERS[0])
    assert receipt == ""
    assert found.nothing
    assert opened.store.rows("SELECT * FROM erasures") == []


def test_a_kiosk_that_she_shared_with_others_stays_shared_and_joins_nobody(opened):
    cap = opened.model.identity.caps[KINDS.index("loyalty")]
    load(opened, history(kiosk=cap + 1))
    cards = [identifier("loyalty", f"LUM-{i}") for i in range(cap)]
    before = [handles_of(opened.store, card) for card in cards]
    assert all(len(handles) == 1 for handles in before)
    forget(opened, HERS[0])
    assert [handles_of(opened.store, card) for card in cards] == before
    assert identifier(*next(iter(KIOSK.items()))) in {
        row["handle"] for row in opened.store.rows("SELECT handle FROM customers")
    }
    load(opened, [event("later", "store.check_in", 9, {"loyalty": "LUM-0"} | KIOSK)])
    assert [handles_of(opened.store, card) for card in cards] == before
    assert drift(opened) == []


def test_a_kiosk_itself_can_be_forgotten(opened):
    cap = opened.model.identity.caps[KINDS.index("loyalty")]
    load(opened, history(kiosk=cap + 1))
    kiosk = identifier(*next(iter(KIOSK.items())))
    _, found = forget(opened, kiosk)
    assert (found.handles, found.events, found.mentions) == (1, 0, cap + 1)
    assert in_tables(opened.store, patterns([], [kiosk])) == []
    assert drift(opened) == []


def test_what_happened_before_the_erasure_is_not_taken_again_and_others_lose_nothing_by_it(opened):
    load(opened, history())
    forget(opened, HERS[0])
    late = [
        *hers(),
        *hers("another source"),
        event("link", "identity.link", 3, only("email", "phone")),
        event("of both", "web.click", 2, only("cookie") | {"email": "p1@example.org"}),
    ]
    load(opened, late)
    assert in_tables(opened.store, WANTED) == []
    (kept,) = opened.store.rows("SELECT handles FROM interactions WHERE id = 'of both'")
    assert kept["handles"] == [identifier("email", "p1@example.org")]
    (letters,) = opened.store.rows(
        "SELECT count() AS n, max(bytes) AS b FROM dead_letters WHERE reason = 'erased'"
    )
    assert letters == {"n": 11, "b": ""}
    assert drift(opened) == []
    load(opened, hers("new", LATER))
    assert handles_of(opened.store, HERS[0]) == sorted(HERS)
    assert opened.store.rows("SELECT uniqExact(tombstone) AS n FROM erased_handles") == [{"n": 4}]
    assert drift(opened) == []
