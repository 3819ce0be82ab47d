"""The envelope as CloudEvents' JSON format allows it: whatever its form, the event is the same, or its fault is named."""

import base64
import json

import pytest

from streams.collector.grants import with_brand
from streams.edge import Edge

KEY = b"k" * 32
NOW_US = 1_793_534_400_000_000
DATA = {"brand": "b", "handles": {"email": "ann@example.com"}, "content": "film"}
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "s",
    "type": "a.b",
    "time": "2026-10-17T12:00:00Z",
    "data": DATA,
}
BARE = {name: value for name, value in EVENT.items() if name != "data"}


def encoded(data):
    return base64.b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).decode()


def packed(event, *, now_us=NOW_US, trusted=False):
    line = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Edge(KEY, trusted=trusted).pack([line], topic="t", now_us=now_us)


PLAIN = packed(EVENT).events

SAME = {
    "optional attributes are null": EVENT | {"subject": None, "dataschema": None, "datacontenttype": None, "ext": None},
    "data_base64 is null": EVENT | {"data_base64": None},
    "data_base64": BARE | {"data_base64": encoded(DATA)},
    "data_base64 beside null": EVENT | {"data": None, "data_base64": encoded(DATA)},
    "data_base64 with a byte order mark": BARE | {"data_base64": encoded(b"\xef\xbb\xbf" + json.dumps(DATA).encode())},
    "an extension with a long number": BARE | {"data_base64": encoded(DATA), "ext": 10**30},
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(EVENT).encode(),
} | {
    f"datacontenttype {kind}": EVENT | {"datacontenttype": kind}
    for kind in (
        "application/json; charset=utf-8", "Application/JSON", "text/json", "application/x+json", "application/json;",
        "application/vnd.acme.v1+JSON ; v=1",
    )
}  # fmt: skip


@pytest.mark.parametrize("event", SAME.values(), ids=SAME)
def test_an_event_is_the_same_in_every_form_that_the_format_allows(event):
    assert packed(event).events.equals(PLAIN)


def test_only_the_attribute_is_decoded():
    data = DATA | {"properties": {"data_base64": "e30="}}
    (row,) = packed(EVENT | {"data": data}).events.to_pylist()
    assert json.loads(row["properties"]) == data["properties"]
    (row,) = packed(BARE | {"data_base64": encoded(data)}).events.to_pylist()
    assert json.loads(row["properties"]) == data["properties"]


REFUSED = {
    "both": (EVENT | {"data_base64": encoded(DATA)}, "bad_value", "/data_base64"),
    "no base64": (BARE | {"data_base64": "é!"}, "bad_value", "/data_base64"),
    "cut base64": (BARE | {"data_base64": encoded(DATA)[:-3]}, "bad_value", "/data_base64"),
    "no JSON in it": (BARE | {"data_base64": encoded(b"<xml/>")}, "bad_value", "/data_base64"),
    "no object in it": (BARE | {"data_base64": encoded([1])}, "wrong_type", "/data"),
    "no text": (BARE | {"data_base64": 7}, "wrong_type", "/data_base64"),
    "another media type": (EVENT | {"datacontenttype": "text/xml"}, "bad_value", "/datacontenttype"),
    "json only in a parameter": (EVENT | {"datacontenttype": "text/plain; a/json"}, "bad_value", "/datacontenttype"),
    "a required attribute is null": (EVENT | {"id": None}, "wrong_type", "/id"),
    "no handles": (EVENT | {"data": DATA | {"handles": {}}}, "no_handle", "/data/handles"),
    "no handles of a kind": (EVENT | {"data": DATA | {"handles": {"email": []}}}, "no_handle", "/data/handles/email"),
    "nested deeply in base64": (BARE | {"data_base64": encoded(b"[" * 5_000)}, "bad_value", "/data_base64"),
    "UTF-16": (json.dumps(EVENT).encode("utf-16"), "not_json", "/"),
    "UTF-16 without a mark": (json.dumps(EVENT).encode("utf-16-le"), "not_json", "/"),
}  # fmt: skip


@pytest.mark.parametrize(("event", "reason", "pointer"), REFUSED.values(), ids=REFUSED)
def test_what_the_format_does_not_allow_is_refused_in_words_that_quote_nothing(event, reason, pointer):
    frame = packed(event)
    (letter,) = frame.letters.to_pylist()
    assert (letter["reason"], letter["detail"].partition(":")[0]) == (reason, pointer)
    assert "ann" not in letter["detail"].lower()
    assert b"ann" not in letter["bytes"]
    assert "ictionary" not in letter["detail"]
    assert ("UTF-16" in letter["detail"]) == isinstance(event, bytes)


@pytest.mark.parametrize(
    "event",
    [BARE | {"data_base64": encoded(DATA)}, EVENT | {"datacontenttype": "text/JSON; x=y", "subject": "film", "dataschema": "x"}],
)  # fmt: skip
def test_what_was_refused_for_its_time_is_the_same_event_when_it_is_replayed(event):
    (letter,) = packed(event, now_us=0).letters.to_pylist()
    assert letter["reason"] == "time_ahead"
    assert packed(letter["bytes"], trusted=True).events.equals(PLAIN)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("in_base64", [False, True])
def test_a_key_gives_its_brand_to_an_event_in_any_form(mark, in_base64):
    data = {name: value for name, value in DATA.items() if name != "brand"}
    event = BARE | ({"data_base64": encoded(data)} if in_base64 else {"data": data})
    assert packed(with_brand(mark + json.dumps(event).encode(), "b")).events.equals(PLAIN)


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01 00:00:00+00:00"),
        ("2016-12-31t15:59:60.25-08:00", "2017-01-01 00:00:00.250000+00:00"),
        ("2017-01-01T05:29:60+05:30", "2017-01-01 00:00:00+00:00"),
        ("2016-12-31T23:58:60Z", "bad_time"), ("9999-12-31T23:59:60Z", "bad_time"), ("2016-12-31T23:59:61Z", "bad_time"),
    ],
)  # fmt: skip
def test_a_leap_second_is_the_instant_after_the_second_before_it(time, at):
    frame = packed(EVENT | {"time": time})
    assert [str(row["time"]) for row in frame.events.to_pylist()] + frame.letters.column(
        "reason"
    ).to_pylist() == [at]


@pytest.mark.parametrize(
    "changed",
    [{"subject": ""}, {"data_base64": "eyJicmFuZCI6ImIifQ=="}, {"data_base64": 7}],
    ids=["empty subject", "both", "no text"],
)
def test_what_was_refused_for_its_envelope_is_refused_again_when_it_is_replayed(changed):
    said = EVENT | {"data": DATA | {"handles": {"email": ["alice@x.example", "bob@x.example"]}}} | changed
    (letter,) = packed(json.dumps(said).encode()).letters.to_pylist()
    frame = packed(letter["bytes"], trusted=True)
    assert (len(frame.events), len(frame.letters)) == (0, 1)
