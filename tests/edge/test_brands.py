"""Handles at the edge where brands are separate: each event's are those of its brand, in whatever company it comes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from journey.identity.handle_key import HandleKey
from streams.edge import Edge
from streams.edge import handles as naming_module
from streams.edge.handles import HandleHasher
from streams.edge.redact import redact
from streams.edge.unlinked import alone_in
from tests.edge.lines import KEY, NOW_US

SEPARATE = HandleKey(KEY, separate=True)
BRANDS = ("lumiere", "maison", "nova")


def line(number, brand, **handles):
    data = {"brand": brand, "handles": handles or {"email": "ann@example.com", "cookie": f"c{number % 3}"}}
    event = {
        "id": str(number),
        "source": "s",
        "type": "web.click",
        "time": "2026-06-01T00:00:00Z",
        "data": data,
    }
    return json.dumps(event).encode()


def handles_of(frame):
    return frame.events.column("handles").to_pylist()


@given(st.lists(st.sampled_from(BRANDS), min_size=1, max_size=12))
def test_an_event_has_the_same_handles_alone_and_among_those_of_other_brands(brands):
    lines = [line(number, brand) for number, brand in enumerate(brands)]
    together = handles_of(Edge(SEPARATE).pack(lines, topic="t", now_us=NOW_US))
    edge = Edge(SEPARATE)
    assert together == [handles_of(edge.pack([one], topic="t", now_us=NOW_US))[0] for one in lines]
    assert [named[0] for named in together] == [
        SEPARATE.id("email", "ann@example.com", brand) for brand in brands
    ]


def test_the_contract_and_the_quick_way_agree_on_the_brand():
    plain = line(1, "nova")
    unusual = plain.replace(b'"nova"', b'"n\\u006fva"').replace(b'"data"', b'"dat\\u0061"')
    frame = Edge(SEPARATE).pack([plain, unusual], topic="t", now_us=NOW_US)
    assert handles_of(frame)[0] == handles_of(frame)[1]


def test_what_is_kept_at_hand_is_bounded_over_all_brands(monkeypatch):
    monkeypatch.setattr(naming_module, "_TEXTS", 10)
    monkeypatch.setattr(naming_module, "_VALUES", 20)
    monkeypatch.setattr(naming_module, "_BRANDS", 5)
    naming = HandleHasher(SEPARATE)
    for number in range(500):
        brand, value = f"b{number % 40}", f"c{number}"
        assert naming.id("cookie", value, brand) == SEPARATE.id("cookie", value, brand)
        assert len(naming._known) <= 5
        assert sum(len(kind) for known in naming._known.values() for kind in known.values.values()) <= 20


def test_a_dead_letter_has_the_hashes_of_its_brand_and_without_a_brand_none():
    refused = json.dumps({"data": {"brand": "nova", "handles": {"email": "ann@example.com"}}}).encode()
    kept = json.loads(redact(refused, SEPARATE))
    assert kept["data"]["handles"] == {"email": f"#{SEPARATE.id('email', 'ann@example.com', 'nova'):016x}"}
    for without in (b'{"data":{"handles":{"email":"ann@example.com"}}}', b"write to ann@example.com"):
        kept = redact(without, SEPARATE)
        assert b"ann" not in kept
        assert b"#0" not in kept
        assert redact(without, KEY) != kept, "where brands share handles it has them"


def test_a_dead_letter_keeps_the_first_handle_alone_and_whatever_made_it_one():
    email, phone = (f"#{number:016x}" for number in (9, 3))
    letter = {
        "id": "1",
        "data": {"brand": "nova", "handles": {"phone": [phone], "email": [email, f"#{2:016x}"]}},
    }
    alone = json.loads(alone_in(json.dumps(letter).encode(), lambda each: each))
    assert alone["data"]["handles"] == {"email": [f"#{2:016x}"]}
    letter["data"]["handles"]["emial"] = email
    alone = json.loads(alone_in(json.dumps(letter).encode(), lambda each: each))
    assert alone["data"]["handles"] == {"email": [f"#{2:016x}"], "emial": email}
    for other in (b"no json", b"[]", b'{"data":{"handles":["#0000000000000009"]}}'):
        assert alone_in(other, lambda each: each) == other
