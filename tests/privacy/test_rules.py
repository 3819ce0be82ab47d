"""Data directories of older programs: who is stored under earlier rules stays one customer, and is found by value."""

import json

import pytest

from journey.identity.rules import FIRST, HandleRules
from streams.analysis.verify import verify
from streams.edge import Edge
from streams.embedded.embedded import Embedded
from streams.embedded.forget import forget
from streams.handles.key import register
from streams.handles.named_handles import named, stored
from streams.handles.rules import recorded, registered
from streams.settings import Settings
from tests.privacy.people import KEY

NOW_US = 1_780_617_600_000_000  # 2026-06-05
ODD, PLAIN = "+33 (0)6 12 34 56 78", "+33612345678"
BEFORE = [
    {"phone": ODD},
    {"phone": "06 98 76 54 32", "cookie": "c-1"},
    {"email": "ann@bücher.example"},
    {"email": "strasse@x.example"},
    {"email": "straße@x.example"},
    {"phone": "+33", "cookie": "one"},
    {"phone": "0033", "cookie": "other"},
]


def line(number, handles):
    event = {"id": str(number), "source": "s", "type": "web.click", "time": "2026-06-01T00:00:00Z"}
    return json.dumps(event | {"data": {"brand": "lumiere", "handles": handles}}).encode()


def opened(folder, region="FR"):
    rules = HandleRules.of_regions(region)
    return Embedded(Settings(folder / "data", handle_key=KEY, handle_rules=rules), clock=lambda: NOW_US)


def load(embedded, lines, rules=None):
    edge = Edge(embedded.key, rules=rules) if rules else embedded.edge()
    return embedded.load([edge.pack(lines, topic="t", now_us=NOW_US)])


def customer(embedded, text):
    (one,) = named(text, embedded, "lumiere")
    rows = embedded.store.rows(
        "SELECT customer FROM customers WHERE handle = {handle:UInt64}",
        {"handle": stored(embedded.store, one)},
    )
    return rows[0]["customer"] if rows else None


@pytest.fixture
def old(tmp_path):
    """Return the folder of a data directory as version 1 of the rules left it."""
    with opened(tmp_path, "") as embedded:
        assert embedded.rules.earlier == ()
        load(embedded, [line(number, handles) for number, handles in enumerate(BEFORE)], FIRST)
    (tmp_path / "data" / "rules").unlink()
    return tmp_path


def test_events_that_come_again_or_after_are_of_the_customer_that_was(old):
    with opened(old) as embedded:
        assert embedded.rules.earlier == (FIRST,)
        again = load(embedded, [line(number, handles) for number, handles in enumerate(BEFORE[:4])])
        assert (again.stored, again.duplicates) == (0, 4)
        new = [
            {"phone": ODD},
            {"phone": PLAIN, "cookie": "p"},
            {"phone": "0698765432"},
            {"phone": "+33 6 98 76 54 32", "cookie": "c-2"},
            {"email": "Ann@BÜCHER.example"},
            {"email": "ann@xn--bcher-kva.example", "cookie": "c-3"},
        ]
        load(embedded, [line(f"new {number}", handles) for number, handles in enumerate(new)])
        assert (
            customer(embedded, f"phone:{ODD}")
            == customer(embedded, f"phone:{PLAIN}")
            == customer(embedded, "cookie:p")
        )
        assert customer(embedded, "cookie:c-1") == customer(embedded, "cookie:c-2")
        assert customer(embedded, "email:ann@bücher.example") == customer(embedded, "cookie:c-3")
        assert not [check for check in verify(embedded) if check.rows]


def test_two_people_that_earlier_rules_took_for_one_are_not_joined(old):
    with opened(old) as embedded:
        after = [{"email": "straße@x.example", "cookie": "a"}, {"email": "strasse@x.example", "cookie": "b"}]
        after += [{"phone": "+33", "cookie": "a-3"}, {"phone": "0033", "cookie": "b-3"}, {"phone": "+33"}]
        done = load(embedded, [line(f"new {number}", handles) for number, handles in enumerate(after)])
        assert done.dead_letters == {"no_handle": 1}
        assert customer(embedded, "cookie:a") != customer(embedded, "cookie:b")
        assert len({customer(embedded, f"cookie:{name}") for name in ("a-3", "b-3", "one")}) == 3


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (f"phone:{PLAIN}", 0),
        (f"phone:{ODD}", 0),
        ("phone:+33698765432", 1),
        ("email:ann@xn--bcher-kva.example", 2),
    ],
)
def test_who_is_stored_under_earlier_rules_is_forgotten_by_value_in_any_spelling(old, value, number):
    with opened(old) as embedded:
        (one,) = named(value, embedded, "lumiere")
        _, found = forget(embedded, one.ids, consent="denied")
        assert found.events == 1
        after = [{"phone": ODD}, {"phone": "0698765432"}, {"email": "ann@bücher.example"}][number]
        plain = [{"phone": PLAIN}, {"phone": "+33698765432"}, {"email": "ann@xn--bcher-kva.example"}][number]
        lines = [line("again", after), line("plain", plain), line(number, BEFORE[number])]
        assert load(embedded, lines).stored == 0


def test_a_server_records_rules_and_has_earlier_ones_where_it_recorded_none(tmp_path):
    ours, german = HandleRules("FR"), HandleRules("DE")
    with opened(tmp_path, "") as embedded:
        store = embedded.store
        assert recorded(store, ours).earlier == (FIRST,), "its key is on record, and no rules"
        assert registered(store, ours, NOW_US).earlier == registered(store, ours, NOW_US).earlier == (FIRST,)
        assert registered(store, german, NOW_US + 1).earlier == (FIRST, ours)
        assert recorded(store, ours).earlier == (FIRST, german)
    with opened(tmp_path / "new", "") as embedded:
        store = embedded.store
        store.client.command("TRUNCATE TABLE handle_keys")
        register(store, KEY, NOW_US)
        register(store, KEY, NOW_US)
        assert registered(store, ours, NOW_US).earlier == recorded(store, ours).earlier == ()
        assert recorded(store, german).earlier == (ours,)


def test_a_directory_of_these_rules_has_no_earlier_ones_until_its_regions_change(tmp_path):
    with opened(tmp_path, "") as embedded:
        load(embedded, [line(1, {"phone": "0612345678"})])
    with opened(tmp_path, "") as embedded:
        assert embedded.rules.earlier == ()
    for _ in range(2):
        with opened(tmp_path, "FR") as embedded:
            assert embedded.rules.earlier == (HandleRules(),)
            load(embedded, [line(1, {"phone": "0612345678"}), line(2, {"phone": PLAIN})])
            load(embedded, [line(3, {"phone": "06 12 34 56 78"})])
            assert customer(embedded, "phone:0612345678") == customer(embedded, f"phone:{PLAIN}")
            (count,) = embedded.store.rows(
                "SELECT count() AS n, uniqExact(event) AS events FROM interactions"
            )
            assert count == {"n": 3, "events": 3}
    (old_mode,) = (tmp_path / "data").glob("rules")
    assert old_mode.read_text() == "2\n2 FR"
    assert old_mode.stat().st_mode & 0o77 == 0
