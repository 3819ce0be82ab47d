"""One odd value in one item: that item alone is refused, with its reason and pointer; its neighbours are taken."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.segment import default_mapping
from schemas.webhook import parse_webhook
from streams.collector.adapters import Malformed
from streams.collector.adapters.activities import Activities
from streams.collector.adapters.segment import Segment
from streams.collector.adapters.tolerant import MAX_DEPTH
from streams.collector.adapters.webhook import Webhooks
from streams.text.json_parts import depth, members, parts, pruned
from tests.collector.adapters.edge import reason, request
from tests.collector.adapters.values import JSON

SEGMENT, ACTIVITIES = Segment(default_mapping()), Activities()
OWN = """
version = 1
[signature]
scheme = "none"
[[event]]
type = "web.purchase"
when = "body.orders"
each = "body.orders"
id = "item.id"
time = "item.at"
handles.user = "item.who"
data.amount = "item.total"
data.currency = "item.currency"
properties.note = "item.note"
properties.shop = "body.shop"
"""
WEBHOOKS = Webhooks({"till": parse_webhook(OWN, name="till")}, {})
AT = "2026-10-17T11:59:00Z"
DEEP = b"[" * 70 + b"]" * 70
# What stands as a value in an item, and why the item is refused; "" where it is taken.
ODD = {
    "NaN": (b"NaN", "bad_value"),
    "Infinity": (b"-Infinity", "bad_value"),
    "beyond a double": (b"1e400", "bad_value"),
    "beyond a double, with zeros": (b"0.001E+0312", "bad_value"),
    "5,000 digits": (b"1" * 5_000, "bad_value"),
    "nested": (DEEP, "bad_value"),
    "nested by thousands": (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, "bad_value"),
    "not UTF-8": (b'"caf\xe9"', ""),
    "half a pair": (b'"half \\ud83d of it"', ""),
    "the other half": (b'"\\ude00"', ""),
    "NUL": (b'"a\\u0000b"', ""),
    "minus nothing": (b"-0", ""),
    "smaller than a double": (b"1e-999", ""),
    "a thousand digits": (b"9" * 1_000, ""),
    "brackets in a text": (b'"' + b"Trailer [official " * 70 + b'"', ""),
    "brackets behind escapes": (b'"\\\\\\"' + b"[{" * 70 + b'\\\\"', ""),
    "twice": (b'1, "note": "again"', ""),
    "empty": (b"[]", ""),
}
BROKEN = {
    "a line end in a text": b'"two\nlines"',
    "an escape that is none": b'"\\x41"',
    "no value": b"",
    "a word": b"undefined",
    "closed with the other bracket": b"[1}",
    "a comma too many": b"[1,]",
}


def call(name, note=b'"fine"'):
    head = json.dumps(
        {"type": "track", "event": "Order Completed", "messageId": name, "userId": "ann", "timestamp": AT}
    )
    return head[:-1].encode() + b', "properties": {"note": ' + note + b"}}"


def activity(name, note=b'"fine"'):
    head = json.dumps({"type": "Like", "id": name, "actor": "https://social.example/ann", "published": AT})
    return head[:-1].encode() + b', "object": {"id": "film", "note": ' + note + b"}}"


def order(name, note=b'"fine"'):
    head = json.dumps({"id": name, "at": AT, "who": "ann", "total": 3, "currency": "EUR"})
    return head[:-1].encode() + b', "note": ' + note + b"}"


WAYS = {
    "batch": (SEGMENT, "/v1/batch", b'{"batch": [%s], "sentAt": "2026-10-17T11:59:01Z"}', call),
    "list": (ACTIVITIES, "/v1/activities", b"[%s]", activity),
    "collection": (ACTIVITIES, "/v1/activities", b'{"type": "Collection", "items": [%s]}', activity),
    "ordered": (ACTIVITIES, "/v1/activities", b'{"orderedItems": [%s], "type": "OrderedCollectionPage"}', activity),
    "webhook": (WEBHOOKS, "/v1/webhooks/till", b'{"shop": "ours", "orders": [%s]}', order),
}  # fmt: skip


def translated(way, odd, others=99):
    """Return the items of a body with an odd one in the middle of others."""
    adapter, path, whole, item = WAYS[way]
    made = [item(f"m-{n}") for n in range(others)]
    made.insert(others // 2, odd)
    return adapter.translate(request(path, whole % b", ".join(made)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("value", "why"), ODD.values(), ids=ODD)
def test_an_odd_value_harms_no_other_item(way, value, why):
    items = translated(way, WAYS[way][3]("odd", value))
    reasons = [reason(item) for item in items]
    assert [reasons.pop(49), set(reasons), len(reasons)] == [why, {""}, 99]
    if why and way != "webhook":
        assert items[49].pointer.startswith(items[48].pointer.replace("48", "49"))
        assert "/note" in items[49].pointer
    elif why:
        assert "item 49, /note" in items[49].detail


@pytest.mark.parametrize("way", [way for way in WAYS if way != "webhook"])
@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_an_item_that_is_no_json_harms_no_other(way, value):
    reasons = [reason(item) for item in translated(way, WAYS[way][3]("odd", value))]
    assert [reasons.pop(49), set(reasons), len(reasons)] == ["not_json", {""}, 99]


@pytest.mark.parametrize("odd", [b"7", b"null", b'"x"', b"[]", b"NaN", DEEP])
def test_an_item_that_is_no_object_harms_no_other(odd):
    for way in ("batch", "list", "collection"):
        reasons = [reason(item) for item in translated(way, odd)]
        assert reasons.pop(49) in {"not_json", "bad_value"}
        assert reasons == [""] * 99


@pytest.mark.parametrize("half", [b"\\ud83d", b"\xff"])
def test_what_is_no_text_is_shown_but_names_nobody(half):
    """A text keeps its rest; a handle or an id would be another's."""
    note = translated("batch", call("odd", b'"half ' + half + b' of it"'))[49].line
    assert json.loads(note)["data"]["properties"]["note"].startswith("half \ufffd")
    for place in (b'"odd"', b'"ann"'):
        bad = call("odd").replace(place, place[:-1] + half + b'"')
        item = translated("batch", bad)[49]
        assert (item.line, item.reason, item.pointer) == (None, "bad_value", "/batch/49")
    actor = activity("odd").replace(b"example/ann", b"example/ann" + half)
    assert [item.pointer for item in translated("list", actor) if item.line is None] == ["/49"]
    who = order("odd").replace(b'"ann"', b'"ann' + half + b'"')
    assert ["ann" in item.detail for item in translated("webhook", who) if item.line is None] == [False]


def test_a_webhook_refuses_what_reads_a_bad_value_from_beside_its_items():
    body = b'{"shop": NaN, "orders": [%s]}' % b", ".join([order("1"), order("2")])
    assert [reason(item) for item in WEBHOOKS.translate(request("/v1/webhooks/till", body))] == [
        "bad_value"
    ] * 2
    body = body.replace(b'"shop"', b'"other"')
    assert [reason(item) for item in WEBHOOKS.translate(request("/v1/webhooks/till", body))] == [""] * 2


def test_one_call_with_an_odd_value_is_refused_and_says_where():
    (item,) = SEGMENT.translate(request("/v1/track", call("1", b'{"score": NaN}')))
    assert (item.reason, item.pointer) == ("bad_value", "/properties/note/score")


@pytest.mark.parametrize("key", [b'"writeKey": "wk"', b'"writeKey": "no", "writeKey" : "wk"'])
@pytest.mark.parametrize("odd", [b"NaN", b'"two\nlines"', b'"\\ud83d"', b"[" * 2_000 + b"]" * 2_000])
def test_the_write_key_is_found_beside_odd_calls(key, odd):
    body = b'{"batch": [%s], %s}' % (call("1", odd), key)
    assert SEGMENT.key(request("/v1/batch", body)) == "wk"


def test_a_byte_order_mark_is_passed_over():
    body = b"\xef\xbb\xbf" + b'{"batch": [%s]}' % call("1")
    assert [reason(item) for item in SEGMENT.translate(request("/v1/batch", body))] == [""]


def test_a_call_is_as_deep_as_the_limit_says():
    def nested(levels):  # the call and its properties are two
        return call("1", b"[" * (levels - 2) + b"]" * (levels - 2))

    for levels, why in ((MAX_DEPTH, ""), (MAX_DEPTH + 1, "bad_value")):
        body = b'{"batch": [%s]}' % nested(levels)
        assert [reason(item) for item in SEGMENT.translate(request("/v1/batch", body))] == [why]


@pytest.mark.parametrize(
    ("adapter", "path", "whole"),
    [
        (SEGMENT, "/v1/batch", b'{"batch": [%s]}'), (SEGMENT, "/v1/batch", b"{%s}"), (ACTIVITIES, "/v1/activities", b"[%s]"),
        (ACTIVITIES, "/v1/activities", b'{"items": [%s]}'), (ACTIVITIES, "/v1/activities", b"{%s}"),
    ],
)  # fmt: skip
def test_a_body_of_very_many_items_that_are_none_is_refused_as_a_whole(adapter, path, whole):
    with pytest.raises(Malformed, match="500,001 items, at most 5,000"):
        adapter.translate(request(path, whole % (b"," * 500_000)))


TEXTS = st.text('a"\\[]{},:/\n', max_size=8) | st.text(max_size=4)
VALUES = st.recursive(
    JSON | TEXTS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


@given(st.lists(VALUES, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_an_array_is_its_parts(values, is_ascii, indent):
    text = json.dumps(values, ensure_ascii=is_ascii, indent=indent).encode()
    assert [json.loads(part) for part in parts(text)] == values


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.sampled_from([None, 1]))
def test_an_object_is_its_members(value, indent):
    text = json.dumps(value, indent=indent).encode()
    assert {json.loads(key): json.loads(item) for key, item in members(text)} == value


@given(VALUES, st.integers(1, 4))
def test_what_is_too_deep_is_cut_and_nothing_else(value, deepest):
    def cut(part, left):
        if isinstance(part, dict | list) and not left:
            return "cut"
        if isinstance(part, dict):
            return {name: cut(item, left - 1) for name, item in part.items()}
        return [cut(item, left - 1) for item in part] if isinstance(part, list) else part

    short = pruned(json.dumps(value).encode(), deepest)
    assert json.loads(short, parse_constant=lambda _: "cut") == cut(value, deepest)
    assert depth(short) <= deepest


@given(st.binary(max_size=40) | st.text('a"\\[]{},:1 ', max_size=30).map(str.encode))
def test_any_bytes_are_taken_apart_without_an_error(text):
    for opening in (b"[", b"{"):
        found = parts(text, opening)
        assert found is None or text.strip(b" \t\r\n")[:1] == opening
    assert depth(text) >= 0
    pruned(text, 2)
    list(members(text) or ())
