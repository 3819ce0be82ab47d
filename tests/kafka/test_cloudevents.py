"""CloudEvents from Kafka records: structured and binary mode give the same event, and nothing can pass for another."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.edge import Edge
from streams.kafka.cloudevents import line_of
from tests.kafka.broker import KEY, event

NOW_US = 1_793_534_400_000_000
EVENT = event(7, amount=12.5, currency="EUR", properties={"text": "é🎬"})
DATA = json.dumps(EVENT["data"]).encode()
HEADERS = [(f"ce_{name}", str(value).encode()) for name, value in EVENT.items() if name != "data"]


def packed(*lines: bytes):
    return Edge(KEY).pack(lines, topic="t", now_us=NOW_US)


def refusal(line: bytes) -> tuple[str, str]:
    frame = packed(line)
    assert not len(frame.events)
    (letter,) = frame.letters.to_pylist()
    return letter["reason"], letter["detail"].partition(":")[0]


@pytest.mark.parametrize("content", [None, b"application/json", b"Application/JSON; charset=UTF-8"])
def test_binary_mode_gives_the_event_of_structured_mode(content):
    headers = HEADERS + ([("content-type", content)] if content else [])
    structured = packed(line_of(json.dumps(EVENT).encode(), []))
    binary = packed(line_of(DATA, headers))
    assert len(structured.events) == 1
    assert binary.events.equals(structured.events)


@pytest.mark.parametrize(
    "content", [b"application/cloudevents+json", b"application/cloudevents+json; charset=utf-8"]
)
def test_the_content_type_says_structured_whatever_other_headers_say(content):
    value = json.dumps(EVENT).encode()
    assert line_of(value, [("ce_id", b"other"), ("content-type", content)]) == value


def test_headers_of_others_do_not_make_a_record_binary():
    value = json.dumps(EVENT).encode()
    assert line_of(value, [("traceparent", b"00-1-2-03"), ("Content-Type", b"application/json")]) == value


@pytest.mark.parametrize(
    "name",
    [b'","data":{"brand":"evil"},"x":"', b'"}', b"\\", b'e","source":"evil', b"\n{}", "\u202e".encode()],
)
def test_a_header_is_a_value_whatever_stands_in_it(name):
    headers = [(key, name if key == "ce_id" else value) for key, value in HEADERS]
    (row,) = packed(line_of(DATA, headers)).events.to_pylist()
    assert (row["id"], row["brand"], row["source"]) == (name.decode(), "acme", "test")


@pytest.mark.parametrize(
    "value", [b'{}},"data":{}', DATA + b',"data":{}', DATA + DATA, b"\x00" + DATA, b"{'a': 1}"]
)
def test_a_value_is_data_or_nothing(value):
    line = line_of(value, HEADERS)
    assert line == value
    assert refusal(line)[0] == "not_json"


def test_no_header_gives_or_takes_the_place_of_data():
    evil = json.dumps(EVENT["data"] | {"brand": "evil"}).encode()
    (row,) = packed(line_of(DATA, [*HEADERS, ("ce_data", evil)])).events.to_pylist()
    assert row["brand"] == "acme"
    assert refusal(line_of(None, [*HEADERS, ("ce_data", evil)])) == ("missing_field", "/data")


@pytest.mark.parametrize(
    ("value", "headers", "refused"),
    [
        (None, [], ("not_json", "/")),
        (b"", [], ("not_json", "/")),
        (b"", HEADERS, ("not_json", "/")),
        (None, HEADERS, ("missing_field", "/data")),
        (b"[]", HEADERS, ("wrong_type", "/data")),
        (DATA, HEADERS[2:], ("missing_field", "/id")),
        (DATA, [*HEADERS, ("ce_id", b"\xff\xfe")], ("wrong_type", "/id")),
        (DATA, [*HEADERS, ("ce_specversion", b"0.3")], ("bad_value", "/specversion")),
        (DATA, [*HEADERS, ("content-type", b"text/plain")], ("bad_value", "/datacontenttype")),
        (DATA, [*HEADERS, ("content-type", b"\xff")], ("bad_value", "/datacontenttype")),
        (b'{"a":"' + b"x" * 40_000, HEADERS, ("too_large", "/")),
        (b"[" * 30_000, HEADERS, ("not_json", "/")),
        (b"9" * 30_000, HEADERS, ("not_json", "/")),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(value, headers, refused):
    assert refusal(line_of(value, headers)) == refused


def test_a_header_without_value_is_as_if_it_were_not_there():
    assert len(packed(line_of(DATA, [*HEADERS, ("ce_subject", None), ("ce_id", None)])).events) == 1


@given(
    st.none() | st.binary(max_size=60),
    st.lists(st.tuples(st.text(max_size=12), st.none() | st.binary(max_size=20))),
)
def test_any_record_whatever_is_a_line_that_the_edge_takes_or_refuses(value, headers):
    headers += [(f"ce_{name}", header) for name, header in headers]
    assert packed(line_of(value, headers)).received == 1
