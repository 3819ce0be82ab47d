"""The edge: an event keeps its identity and its handles however it comes in, as a dead letter too."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.identity.handle import KINDS, normalise
from journey.identity.handle_key import handle_id
from schemas.event import MAX_HANDLES
from tests.edge.lines import EMAIL, KEY, NOW_US, SECRETS, accepted, line, named, pack


def test_a_handle_is_its_keyed_hash():
    (row,) = accepted(named({"email": " Ann.LEE@Example.com "}))
    assert row["handle"] == handle_id(KEY, "email", EMAIL)
    assert row["handle"] != accepted(named({"email": EMAIL}), key=b"another key")[0]["handle"]
    assert row["handle"] != accepted(named({"cookie": EMAIL}))[0]["handle"]


@given(
    st.dictionaries(
        st.sampled_from(KINDS), st.lists(st.text("abc0 @+", min_size=1, max_size=3), min_size=1, max_size=4)
    )
)
def test_handles_are_by_priority_each_once_and_nobody_is_left_out(handles):
    expected = {
        (code, handle_id(KEY, kind, normal))
        for code, kind in enumerate(KINDS)
        for value in handles.get(kind, [])
        if (normal := normalise(kind, value)) is not None
    }
    frame = pack(named(handles))
    if 0 < len(expected) <= MAX_HANDLES:
        (row,) = frame.events.to_pylist()
        assert list(zip(row["kinds"], row["handles"], strict=True)) == sorted(expected)
        assert row["handle"] == row["handles"][0]
    else:
        reason = "too_many_handles" if expected else "no_handle"
        assert frame.letters.column("reason").to_pylist() == [reason]


def test_the_handle_of_highest_priority_has_the_evidence():
    for place, kind in enumerate(KINDS):
        lower = dict.fromkeys(reversed(KINDS[place:]), "17000")
        (row,) = accepted(named(lower))
        assert row["handle"] == handle_id(KEY, kind, "17000")


@given(
    st.permutations([("user", "u-1"), ("email", ["a@b.example", "c@d.example"]), ("cookie", ["c-1", "c-2"])]),
    st.booleans(),
)
def test_the_same_event_in_another_order_of_handles_is_the_same_event(order, turned):
    handles = {
        kind: values[::-1] if turned and isinstance(values, list) else values for kind, values in order
    }
    one, other = accepted(named(dict(sorted(order))), named(handles))
    assert one == other


def test_an_event_is_the_same_by_source_id_and_primary_handle_alone():
    same = accepted(
        line(),
        line(type="web.click", time="2026-10-16T12:00:00Z", data={"brand": "other", "content": "x"}),
        named({"email": EMAIL.upper(), "cookie": "c-1"}),
        named({"email": [EMAIL, EMAIL]}),
    )
    assert len({row["event"] for row in same}) == 1
    others = accepted(
        line(id="2"),
        line(source="till"),
        named({"email": "b@example.com"}),
        named({"user": "u", "email": EMAIL}),
    )
    assert len({row["event"] for row in (*same, *others)}) == 5


def test_source_and_id_do_not_run_together():
    pairs = [
        ("a", "b\0c"),
        ("a\0b", "c"),
        ("a\0", "b\0c"),
        ("a", "\0b\0c"),
        ("\0a", "b\0c"),
        ("\0001\0a", "c"),
        ("ab", "c"),
        ("a", "bc"),
    ]
    rows = accepted(*(line(source=source, id=name) for source, name in pairs))
    assert len({row["event"] for row in rows}) == len(pairs)


REPLAYS = {
    "one": {"email": " Ann.Lee@Example.com"},
    "several": {
        "email": ["b@example.com", "a@example.com"],
        "phone": "0033 6 12 34 56 78",
        "loyalty": "9700-1234 5678",
    },
    "any kind": SECRETS | {"device": "d-1"},
    "nobody beside": {"user": "anonymous", "email": "NULL", "phone": "(none)", "cookie": "c-1"},
    "unicode": {"email": "Zoë@Exämple.de", "social": "ＬＩＮＥ:@観客"},
    "like a hash": {"user": "#0123456789abcdef"},
    "on the deny-list": {"email": "kiosk@shop.example", "cookie": "c-1"},
}


def letter(text, **options):
    (row,) = pack(text, **options).letters.to_pylist()
    return row["bytes"]


def replayed(text, **options):
    return pack(text, trusted=True, nobody=DENIED, **options)


DENIED = frozenset({"kiosk@shop.example"})
LATER_US = NOW_US + 365 * 86_400_000_000


@pytest.mark.parametrize("handles", REPLAYS.values(), ids=REPLAYS)
def test_a_dead_letter_whose_cause_is_gone_is_the_same_event(handles):
    data = {"handles": handles, "amount": 0.1, "currency": "EUR", "properties": {"a": [1.0, 1e300, "é\n"]}}
    text = line(
        time="2026-12-24T18:00:00.000001+01:00",
        source="mailto:ops@shop.example",
        id="basket+33 6 12 34 56 78",
        data=data,
    )
    original = accepted(text, nobody=DENIED, now_us=LATER_US)
    frame = replayed(letter(text, nobody=DENIED), now_us=LATER_US)
    assert frame.events.to_pylist() == original


@pytest.mark.parametrize("handles", REPLAYS.values(), ids=REPLAYS)
def test_a_dead_letter_that_is_refused_again_stays_the_same_letter(handles):
    first = letter(named(handles, time="2027-01-01T00:00:00Z"), nobody=DENIED)
    assert letter(first, trusted=True, nobody=DENIED) == first


def test_a_dead_letter_that_is_mended_by_hand_is_the_same_event():
    broken = json.loads(letter(line(data={"amount": 12.5})))
    broken["data"]["currency"] = "EUR"
    assert replayed(json.dumps(broken).encode()).events.to_pylist() == accepted(
        line(data={"amount": 12.5, "currency": "EUR"})
    )


def test_a_number_for_a_handle_is_the_handle_of_its_digits_when_replayed():
    frame = replayed(letter(named({"phone": 33612345678})))
    assert frame.events.to_pylist() == accepted(named({"phone": "33612345678"}))


UNFIT = {
    "fraction": named({"phone": 33612345678.5}),
    "too long": named({"cookie": "c" * 257}),
    "half a surrogate pair": named({"user": "u"}).replace(b'"u"', b'"\\ud83d"'),
    "control character": named({"user": "u"}).replace(b'"u"', b'"\x01"'),
    "missing comma": named({"user": "u"}).replace(b", ", b" ", 1),
    "object": named({"email": {"value": EMAIL}}),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_could_never_be_a_handle_does_not_become_one_in_a_replay(name):
    first = letter(UNFIT[name])
    assert len(replayed(first).events) == 0
    assert len(replayed(letter(first, trusted=True)).events) == 0


def test_nobody_but_a_replay_may_name_a_handle_by_its_hash():
    stolen = f"#{handle_id(KEY, 'email', EMAIL):016x}"
    (row,) = accepted(named({"user": stolen}))
    assert row["handle"] == handle_id(KEY, "user", stolen)
    through_a_letter = replayed(letter(named({"user": stolen}, time="2027-01-01T00:00:00Z")), now_us=LATER_US)
    assert through_a_letter.events.column("handle").to_pylist() == [row["handle"]]
