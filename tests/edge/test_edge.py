"""The edge: its books agree, and every field arrives as it was written, up to stated limits."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event import MAX_AHEAD_S, MAX_EVENT_BYTES, MAX_PROPERTIES_BYTES
from streams.edge import REASONS
from streams.edge.personal_forms import hidden
from streams.edge.personal_properties import is_personal
from streams.engine.intake import interactions
from streams.log.batch import Batch, Record
from streams.log.frame import EVENTS, LETTERS, decode, encode
from tests.edge.lines import (
    AHEAD,
    BASE,
    GOOD,
    NOW,
    NOW_US,
    OLD,
    accepted,
    event,
    line,
    named,
    pack,
    refused,
)

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


def tells_of_nobody(value):
    return hidden(str(value)) == str(value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70).filter(tells_of_nobody)
        | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: tells_of_nobody(int(number)))
        | st.text().filter(tells_of_nobody),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.text(max_size=5).filter(lambda key: tells_of_nobody(key) and not is_personal(key)),
                inner,
                max_size=3,
            )
        ),
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
