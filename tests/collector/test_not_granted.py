"""What a write key may not say, it may not say by way of a dead letter either: whatever else is wrong with it, and when it is replayed."""

import json

import pytest

from streams.collector.grants import Grants, SenderLines
from streams.collector.write_keys import WriteKey
from tests.edge.lines import event, pack

CHANNELS = {"web": "web", "store": "store"}
NOVA = WriteKey("nova", "", ("nova",), ("web", "identity"), ("shop",))
TWO = {"user": ["alice", "bob"], "cookie": "c1"}
LATER = 1_900_000_000_000_000  # us: what was dated ahead has come


def sent(said, key=NOVA):
    line = json.dumps(said).encode()
    frame = pack(line, screen=Grants([SenderLines(key, 1)], CHANNELS))
    assert len(frame.events) == 0
    (letter,) = frame.letters.to_pylist()
    return letter


def replayed(letter):
    return pack(letter["bytes"], trusted=True, now_us=LATER).events.to_pylist()


WRONG = {
    "nothing": {},
    "ahead": {"time": "2027-01-01T00:00:00Z"},
    "too old": {"time": "1800-01-01T00:00:00Z"},
    "no time": {"time": "noon"},
    "odd field": {"data": {"odd": 1}},
    "odd amount": {"data": {"amount": "much", "currency": "EUR"}},
    "no currency": {"data": {"amount": 1}},
    "odd rating": {"data": {"rating": 400}},
    "odd type of content": {"datacontenttype": "text/plain"},
}
FOREIGN = {
    "brand": {"data": {"brand": "lumiere", "handles": TWO}},
    "channel": {"type": "store.purchase", "data": {"brand": "nova", "handles": TWO}},
    "source": {"source": "till", "data": {"brand": "nova", "handles": TWO}},
}


def both(one, other):
    return one | other | {"data": one.get("data", {}) | other.get("data", {})}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_a_key_may_not_say_is_not_granted_whatever_else_is_wrong(wrong, foreign):
    said = event(**both(FOREIGN[foreign], WRONG[wrong]))
    letter = sent(said)
    assert letter["reason"] == "not_granted"
    assert letter["detail"].startswith(
        {"brand": "/data/brand", "channel": "/type", "source": "/source"}[foreign]
    )


@pytest.mark.parametrize("wrong", [name for name in WRONG if name != "nothing"])
def test_what_a_key_may_say_is_refused_for_what_is_wrong(wrong):
    assert (
        sent(event(**both({"data": {"brand": "nova", "handles": TWO}}, WRONG[wrong])))["reason"]
        != "not_granted"
    )


@pytest.mark.parametrize("wrong", ["nothing", "ahead"])
def test_replayed_on_purpose_an_event_of_a_brand_that_was_not_granted_joins_nobody(wrong):
    (row,) = replayed(sent(event(**both(FOREIGN["brand"], WRONG[wrong]))))
    assert (row["brand"], len(row["handles"])) == ("lumiere", 1)
    (row,) = replayed(sent(event(**both(FOREIGN["channel"], WRONG[wrong]))))
    assert len(row["handles"]) == 3, "of its own brand, the key may say who is one person"


@pytest.mark.parametrize(
    "said",
    [
        b"", b"null", b"[]", b'"x"', b'{"data": 1}', b'{"data": {"brand": "lumiere"}}', b'{"data": {"brand": 1}, "type": "x", "source": "y"}',
        b'{"data": {"brand": ""}, "type": "web.click", "source": "shop"}', b"[" * 100_000, b"\xff\xfe{", b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_what_could_never_be_an_event_is_refused_for_that(said):
    frame = pack(said, screen=Grants([SenderLines(NOVA, 1)], CHANNELS))
    assert [letter["reason"] for letter in frame.letters.to_pylist()] != ["not_granted"]
    assert len(frame.letters) == 1


def test_each_line_is_judged_by_its_own_key():
    other = WriteKey("lumiere", "", ("lumiere",), ("web",))
    late = event(time="2027-01-01T00:00:00Z", data={"handles": TWO})
    lines = [json.dumps(each).encode() for each in (late, late, event(data={"handles": TWO, "odd": 1}))]
    frame = pack(*lines, screen=Grants([SenderLines(NOVA, 1), SenderLines(other, 3)], CHANNELS))
    assert [letter["reason"] for letter in frame.letters.to_pylist()] == [
        "not_granted",
        "time_ahead",
        "unknown_field",
    ]
