"""The edge: its books agree, nothing personal gets past it, and an event keeps its identity however it comes in."""

import json
import struct
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.handle import KINDS, handle_id, normalise
from schemas.event import MAX_AHEAD_S, MAX_EVENT_BYTES, MAX_HANDLES, MAX_PROPERTIES_BYTES
from streams.batch import Batch, Record
from streams.edge import REASONS, Edge
from streams.frames import EVENTS, LETTERS, FrameError, decode, encode
from streams.processors.intake import interactions

KEY = b"a key of the tests has 32 bytes."
NOW = datetime(2026, 10, 17, 20, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
HEADER = struct.Struct("<4sII")
patient = settings(deadline=None)  # other tests run at the same time
BASE = {
    "id": "1",
    "source": "shop",
    "type": "web.purchase",
    "time": "2026-10-17T12:00:00Z",
    "data": {"brand": "lumiere", "handles": {"email": "ann.lee@example.com"}},
}


def event(*, data=None, **changes):
    return BASE | changes | {"data": BASE["data"] | (data or {})}


def line(*, data=None, **changes):
    return json.dumps(event(data=data, **changes), ensure_ascii=False).encode()


def named(handles, **changes):
    return line(data={"handles": handles}, **changes)


def pack(*lines, key=KEY, nobody=frozenset(), trusted=False, **options):
    options = {"topic": "t", "now_us": NOW_US} | options
    return Edge(key, nobody, trusted=trusted).pack(list(lines), **options)


def accepted(*lines, **options):
    frame = pack(*lines, **options)
    assert frame.letters.to_pylist() == []
    return frame.events.to_pylist()


def refused(*lines, **options):
    frame = pack(*lines, **options)
    assert len(frame.events) == 0
    return [letter["reason"] for letter in frame.letters.to_pylist()]


GOOD, AHEAD, OLD = line(), line(time="2027-01-01T00:00:00Z"), line(time="1800-01-01T00:00:00Z")
LINES = {
    GOOD: None,
    line(id="2"): None,
    b"{": "not_json",
    b"": "not_json",
    line(type="purchase"): "bad_value",
    line(data={"amount": 1}): "no_currency",
    named({"user": "null"}): "no_handle",
    AHEAD: "time_ahead",
    OLD: "time_too_old",
}


@patient
@given(st.lists(st.sampled_from(list(LINES)), max_size=30), st.integers(0, 2**31), st.integers(0, 2**62))
def test_the_books_agree_and_letters_keep_the_order_and_the_offsets_of_lines(lines, partition, first):
    frame = pack(*lines, partition=partition, first_offset=first)
    letters = frame.letters.to_pylist()
    expected = [(LINES[item], partition, first + place) for place, item in enumerate(lines) if LINES[item]]
    assert [(x["reason"], x["topic_partition"], x["topic_offset"]) for x in letters] == expected
    assert frame.received == len(lines) == len(frame.events) + len(letters)
    assert frame.events.column("id").to_pylist() == [json.loads(x)["id"] for x in lines if not LINES[x]]
    assert {letter["reason"] for letter in letters} <= set(REASONS)
    assert (frame.topic, frame.packed_us) == ("t", NOW_US)


def test_no_lines_give_an_empty_frame_that_travels():
    frame = decode(encode(pack()))
    assert frame.received == 0
    assert (frame.events.schema.equals(EVENTS), frame.letters.schema.equals(LETTERS)) == (True, True)


def test_only_dead_letters_give_a_frame_that_travels_and_converts():
    frame = decode(encode(pack(b"{", AHEAD)))
    assert [len(frame.events), len(frame.letters)] == [0, 2]
    assert len(interactions(Batch.of([Record(0, 1, frame)]))) == 0


# What no one may read: each in a form that can be searched for.
EMAIL, PHONE, CARD, USER, SOCIAL = (
    "ann.lee@example.com",
    "+33612345678",
    "4012888888881881",
    "u-ann-lee-77",
    "x:@annlee77",
)
SECRETS = {
    "email": EMAIL,
    "phone": PHONE,
    "loyalty": CARD,
    "user": USER,
    "social": SOCIAL,
    "cookie": "cookie-ann-77",
}
TWO = {"email": [EMAIL, "ann@work.example"], "loyalty": ["9700111122223333", CARD]}
FORBIDDEN = [
    *SECRETS.values(),
    "ann@work.example",
    "9700111122223333",
    "annlee77",
    "ann.lee",
    "ann@work",
    "12345678",
    "40128888",
]
PLANTED = {
    "valid": named(SECRETS),
    "valid lists": named(TWO),
    "invalid": named(SECRETS, type="purchase"),
    "invalid lists": named(TWO, time="noon"),
    "ahead": named(SECRETS, time="2027-01-01T00:00:00Z"),
    "no currency": named(SECRETS, id="3") [:-2] + b', "amount": 1}}',
    "in a property": line(data={"properties": {"note": f"call {PHONE} or write to {EMAIL}"}}, type="x"),
    "as a property": line(data={"properties": dict(SECRETS)}, type="x"),
    "deep in a property": line(data={"properties": {"a": [{"customer": {"handles": SECRETS}}]}}, type="x"),
    "as a field": line(data=SECRETS),
    "as a key": line(data={EMAIL: 1}),
    "as a phone key": line(data={PHONE: 1}),
    "as a kind": named({EMAIL: "x"}),
    "card as a kind": named({CARD: "x"}),
    "as a number": named({"loyalty": int(CARD), "phone": 33612345678}),
    "as a fraction": named({"phone": 33612345678.0}),
    "as an object": named({"email": {"value": EMAIL, "work": "ann@work.example"}}),
    "handles as text": line(data={"handles": EMAIL}),
    "handles as a list": line(data={"handles": [{"kind": "loyalty", "value": CARD}, PHONE]}),
    "handles at the top": json.dumps({"handles": SECRETS} | BASE | {"data": {}}).encode(),
    "flat": json.dumps(BASE | SECRETS | {"type": "x"}).encode(),
    "identity as an object": json.dumps(BASE | {"id": SECRETS, "source": [EMAIL]}).encode(),
    "array of events": b"[" + named(SECRETS) + b"," + named(TWO) + b"]",
    "two events": named(SECRETS) + named(TWO),
    "escaped": named(SECRETS, type="x").replace(b"@", b"\\u0040").replace(b"4012", b"\\u00340\\u00312"),
    "escaped and cut": named(SECRETS).replace(b"@", b"\\u0040")[:-1],
    "keys given twice": named(SECRETS).replace(b'"handles"', b'"handles": {"loyalty": "%s"}, "handles"' % CARD.encode())[:-1],
    "byte order mark": b"\xef\xbb\xbf" + named(SECRETS),
    "utf-16": named(SECRETS).decode().encode("utf-16"),
    "utf-16, cut": named(SECRETS).decode().encode("utf-16")[:-6],
    "utf-32": named(SECRETS).decode().encode("utf-32"),
    "latin-1": named(SECRETS | {"user": "Zoë"}).decode().encode("latin-1"),
    "not utf-8": named(SECRETS)[:-2] + b"\xff}}",
    "surrogate": named(SECRETS | {"user": "\\ud83d"}).replace(b"\\\\ud83d", b"\\ud83d"),
    "python": str(event(data={"handles": SECRETS})).encode(),
    "form": "&".join(f"{kind}={value}" for kind, value in SECRETS.items()).encode(),
    "upper case": str({kind.upper(): value for kind, value in SECRETS.items()}).encode(),
    "json in json": json.dumps(named(SECRETS).decode()).encode()[:-1],
    "csv": f"17,{EMAIL};ann@work.example,{PHONE},06 12 34 56 78,{CARD},4012 8888 8888 1881".encode(),
    "too large": named(SECRETS)[:-2] + b', "properties": {"text": "' + b"x" * MAX_EVENT_BYTES + b'"}}}',
    "too large, handles last": b'{"x": "' + b"x" * (MAX_EVENT_BYTES - 200) + b'", "handles": ' + json.dumps(SECRETS).encode() + b"}",
    "too deep": named(SECRETS)[:-2] + b', "properties": ' + b'{"a":' * 3_000 + b"1" + b"}" * 3_002,
    "handles too deep": b'{"data": {"handles": ' + b"[" * 600 + b'"%s"' % CARD.encode() + b"]" * 600 + b"}}",
}  # fmt: skip


def legible(frame):
    """Everything in the frame, as bytes to search."""
    return encode(frame) + str(frame.events.to_pylist()).encode() + str(frame.letters.to_pylist()).encode()


@pytest.mark.parametrize("name", PLANTED)
def test_nothing_personal_is_in_a_frame(name):
    frame = pack(PLANTED[name])
    assert len(frame.letters) == (not name.startswith("valid"))
    found = legible(frame).replace(b"\0", b"")
    assert [secret for secret in FORBIDDEN if secret.encode() in found] == []


def test_nothing_personal_is_in_a_line_that_is_cut_anywhere():
    whole = PLANTED["valid"]
    for cut in range(1, len(whole)):
        head, tail = legible(pack(whole[:cut])), legible(pack(whole[cut:]))
        assert [secret for secret in SECRETS.values() if secret.encode() in head] == []
        # Behind the cut a value may lack its name; then only what has a form of its own can be known.
        assert [secret for secret in (EMAIL, PHONE, CARD) if secret.encode() in tail] == []


def test_a_handle_is_its_keyed_hash():
    (row,) = accepted(named({"email": " Ann.LEE@Example.com "}))
    assert row["handle"] == handle_id(KEY, "email", EMAIL)
    assert row["handle"] != accepted(named({"email": EMAIL}), key=b"another key")[0]["handle"]
    assert row["handle"] != accepted(named({"cookie": EMAIL}))[0]["handle"]


@patient
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
        reason = "too_many_handles" if expected else "no_handle" if handles else "bad_value"
        assert frame.letters.column("reason").to_pylist() == [reason]


def test_the_handle_of_highest_priority_has_the_evidence():
    for place, kind in enumerate(KINDS):
        lower = dict.fromkeys(reversed(KINDS[place:]), "17")
        (row,) = accepted(named(lower))
        assert row["handle"] == handle_id(KEY, kind, "17")


@patient
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


@patient
@given(st.decimals(Decimal("-1e10"), Decimal("1e10"), places=4))
def test_amounts_are_kept_to_four_decimals_exactly(amount):
    text = line(data={"currency": "EUR"}).replace(
        b'"currency"', b'"amount": %s, "currency"' % str(amount).encode()
    )
    frame = pack(text)
    assert frame.events.column("amount").to_pylist() == [int(amount * 10_000)]
    assert interactions(Batch.of([Record(0, 1, frame)])).column("amount").to_pylist() == [amount]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("19.99", 199_900),
        ("0.1", 1_000),
        ("-0.0", 0),
        ("1e-5", 0),
        ("0.00006", 1),
        ("7", 70_000),
        ("1E3", 10_000_000),
        ("2.675e0", 26_750),
    ],
)
def test_an_amount_may_be_written_in_any_way(written, kept):
    text = line(data={"currency": "EUR"}).replace(
        b'"currency"', b'"amount": %s, "currency"' % written.encode()
    )
    assert accepted(text)[0]["amount"] == kept


def test_what_is_absent_is_null_or_empty_and_not_zero():
    (row,) = accepted(line())
    assert [row[name] for name in ("amount", "rating", "sentiment")] == [None, None, None]
    assert {
        row[name]
        for name in ("content", "product", "place", "campaign", "device", "currency", "cause", "properties")
    } == {""}
    (row,) = accepted(
        line(data={"amount": 0, "currency": "EUR", "rating": 0, "sentiment": 0, "properties": {}})
    )
    assert [row[name] for name in ("amount", "rating", "sentiment", "properties")] == [0, 0.0, 0.0, "{}"]


def test_every_field_arrives_in_its_column_whatever_its_neighbours_lack():
    texts = {name: f"the {name}" for name in ("content", "product", "place", "campaign", "device", "cause")}
    full = texts | {
        "amount": 1.5,
        "currency": "EUR",
        "rating": 4,
        "sentiment": -0.5,
        "properties": {"a": [1, "é", None]},
    }
    rows = accepted(line(), line(id="2", data=full), line(id="3", data={"rating": 3.5}), line(id="4"))
    assert rows[1] | texts == rows[1]
    assert [rows[1][name] for name in ("amount", "currency", "rating", "sentiment")] == [
        15_000,
        "EUR",
        4.0,
        -0.5,
    ]
    assert json.loads(rows[1]["properties"]) == full["properties"]
    assert [row["rating"] for row in rows] == [None, 4.0, 3.5, None]
    assert [row["content"] for row in rows] == ["", "the content", "", ""]
    assert rows[0] | {"id": "4", "event": rows[3]["event"]} == rows[3]


@patient
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_properties_are_kept_as_json_of_the_same_value(value):
    text = json.dumps(event(data={"properties": {"value": value}})).encode()
    assert json.loads(accepted(text)[0]["properties"]) == {"value": value}


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-10-17T12:00:00Z", "2026-10-17T12:00:00"),
        ("2026-10-17t12:00:00.5z", "2026-10-17T12:00:00.500000"),
        ("2026-10-17 14:00:00.123456789+02:00", "2026-10-17T12:00:00.123456"),
        ("2026-10-18T01:59:59.999999+13:59", "2026-10-17T12:00:59.999999"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00"),
        ("1969-12-31T23:59:59.999999-00:00", "1969-12-31T23:59:59.999999"),
        ("2024-02-29T00:00:00-00:30", "2024-02-29T00:30:00"),
    ],
)
def test_times_are_kept_to_the_microsecond_in_utc(time, expected):
    (row,) = accepted(line(time=time))
    assert row["time"] == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@patient
@given(
    st.integers(-(2**31), NOW_US // 1_000_000),
    st.integers(0, 999_999),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_any_time_in_any_zone_is_kept_exactly(seconds, micros, offset):
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=max(seconds, -2_208_988_800), microseconds=micros
    )
    local = (at + timedelta(minutes=offset)).replace(tzinfo=None).isoformat()
    sign, minutes = "-+"[offset >= 0], abs(offset)
    assert accepted(line(time=f"{local}{sign}{minutes // 60:02}:{minutes % 60:02}"))[0]["time"] == at


def test_a_time_may_be_a_day_ahead_and_not_a_microsecond_more():
    ahead = NOW + timedelta(seconds=MAX_AHEAD_S)
    assert accepted(line(time=ahead.isoformat()))[0]["time"] == ahead
    assert refused(line(time=(ahead + timedelta(microseconds=1)).isoformat())) == ["time_ahead"]
    assert refused(line(time="1899-12-31T23:59:59.999999Z")) == ["time_too_old"]


def filled(size):
    """A line of that many bytes."""
    start = line(subject="s")[:-1] + b', "extension": "'
    return start + b"x" * (size - len(start) - 2) + b'"}'


def test_limits_are_inclusive():
    text, letters = "é" * 256, "é" * 257
    assert accepted(filled(MAX_EVENT_BYTES))
    assert refused(filled(MAX_EVENT_BYTES + 1)) == ["too_large"]
    assert accepted(
        line(id=text, source=text, data={"content": text, "brand": "b" * 64, "handles": {"cookie": text}})
    )
    assert (
        refused(*(line(**{name: letters}) for name in ("id", "source", "subject", "dataschema")))
        == ["too_large"] * 4
    )
    names = ("content", "product", "place", "campaign", "device", "cause")
    assert refused(*(line(data={name: letters}) for name in names)) == ["too_large"] * 6
    assert refused(line(data={"brand": "b" * 65}), named({"cookie": letters})) == ["too_large"] * 2


def test_properties_have_a_limit_in_bytes():
    room = MAX_PROPERTIES_BYTES - len('{"a":""}')
    assert (
        len(accepted(line(data={"properties": {"a": "x" * room}}))[0]["properties"]) == MAX_PROPERTIES_BYTES
    )
    assert refused(line(data={"properties": {"a": "x" * (room + 1)}})) == ["too_large"]
    assert refused(line(data={"properties": {"a": "é" * (room // 2 + 1)}})) == ["too_large"]


def test_there_may_be_eight_handles_and_not_nine():
    cookies = [f"c-{number}" for number in range(8)]
    assert len(accepted(named({"cookie": cookies}))[0]["handles"]) == 8
    assert len(accepted(named({"cookie": cookies, "user": "null", "device": "0000"}))[0]["handles"]) == 8
    assert (
        refused(named({"cookie": cookies, "user": "u-1"}), named({"cookie": [*cookies, "c-9"]}))
        == ["too_many_handles"] * 2
    )


def test_a_message_is_short_and_names_the_field():
    details = (
        pack(line(data={"amount": 1, "currency": "XXX"}), line(data={"x" * 9_000: 1}))
        .letters.column("detail")
        .to_pylist()
    )
    assert [detail.partition(": ")[0] for detail in details] == ["/data/currency", "/data/?"]
    assert max(map(len, details)) < 200


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


def test_what_a_line_costs_grows_with_its_length_alone():
    size = 30_000
    hostile = [b"a" * size, b"+1" * (size // 2), b"+1" + b" " * size, b"@" * size, b"a@" * (size // 2), b'"email":' * (size // 8),
               b"1 " * (size // 2), b"{" * size, b"[" * size, b'"' * size, b"\\" * size, b"\xff" * size]  # fmt: skip
    hostile += [json.dumps(BASE | {"type": text.decode("latin-1")}).encode() for text in hostile[:5]]
    started = datetime.now(UTC)
    frame = pack(*hostile)
    assert frame.received == len(hostile) == len(frame.letters)
    assert datetime.now(UTC) - started < timedelta(
        seconds=5
    )  # a pattern that backtracks takes two seconds a line


@pytest.fixture(scope="module")
def frame():
    lines = [line(id=str(number), data={"rating": number % 10}) for number in range(50)]
    return pack(*lines, b"{", AHEAD, partition=3, first_offset=10, topic="événements")


def test_frames_survive_the_way(frame):
    again = decode(encode(frame))
    assert again.events.to_pylist() == frame.events.to_pylist()
    assert again.letters.to_pylist() == frame.letters.to_pylist()
    assert (again.topic, again.packed_us, again.received) == ("événements", NOW_US, 52)
    assert encode(again) == encode(frame)


def test_a_frame_without_letters_survives_the_way():
    again = decode(encode(pack(GOOD)))
    assert (len(again.events), len(again.letters)) == (1, 0)
    assert again.letters.schema.equals(LETTERS)


def test_a_frame_cut_anywhere_is_an_error(frame):
    data = encode(frame)
    for size in (*range(200), *range(200, len(data), 37), len(data) - 1):
        with pytest.raises(FrameError):
            decode(data[:size])


def test_a_frame_that_lost_its_letters_is_an_error(frame):
    data = encode(frame)
    _, events, _ = HEADER.unpack_from(data)
    with pytest.raises(FrameError, match="cut short or damaged"):
        decode(data[: HEADER.size + events])


def test_a_frame_of_another_version_says_so(frame):
    with pytest.raises(FrameError, match=r"not a frame of version 1: starts with b.AJF2"):
        decode(b"AJF2" + encode(frame)[4:])


@patient
@given(st.binary(max_size=300))
def test_garbage_is_no_frame(data):
    for garbage in (data, b"AJF1" + data):
        with pytest.raises(FrameError):
            decode(garbage)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_flipped_bit_anywhere_is_an_error(frame, data):
    damaged = bytearray(encode(frame))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(FrameError):
        decode(bytes(damaged))


def checked(body, size):
    """A frame of this body, with the checksum that belongs to it."""
    return HEADER.pack(b"AJF1", size, zlib.crc32(body, size)) + body


@patient
@given(st.binary(max_size=200), st.integers(0, 300))
def test_garbage_with_the_right_checksum_is_an_error_too(body, size):
    with pytest.raises(FrameError):
        decode(checked(body, size))


def test_other_columns_are_an_error(frame):
    table = pa.RecordBatch.from_pydict({"event": ["x"]}).replace_schema_metadata(
        {"topic": "t", "packed_us": "1"}
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_batch(table)
    body = sink.getvalue().to_pybytes()
    with pytest.raises(FrameError, match="other columns"):
        decode(checked(body, len(body)))
