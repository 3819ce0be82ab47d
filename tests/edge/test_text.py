"""What a person wrote leaves the event first: the rest is as if it had not been there, and a mood is all that is made of it."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.edge import Edge, Refused
from streams.edge.spoken import parted, shortened
from streams.mood.methods import Method
from streams.mood.moods import Moods
from tests.edge.lines import KEY, NOW_US, event, line

ANGRY = "I hate this horrible service, zzplanted"
MOODS = Moods({"": ("en",), "quiet": ()})
OFF, ON = Edge(KEY), Edge(KEY, moods=MOODS)


def packed(edge, *lines):
    frame = edge.pack(list(lines), topic="t", now_us=NOW_US)
    return frame.events.to_pylist(), frame.letters.to_pylist()


def one(edge, said):
    (found,), letters = packed(edge, said)
    assert letters == []
    assert "zzplanted" not in str(found)
    return found


def test_a_text_gives_a_sentiment_and_is_kept_nowhere():
    plain = one(OFF, line())
    assert one(OFF, line(data={"text": ANGRY})) == plain
    felt = one(ON, line(data={"text": ANGRY, "language": "en-GB"}))
    assert felt["sentiment"] < -0.3
    assert json.loads(felt["properties"]) == {"sentiment_by": f"{MOODS._methods['en'].name} en"}
    assert {**felt, "sentiment": None, "properties": ""} == plain
    kept = one(ON, line(data={"text": ANGRY, "properties": {"b": 1, "a": [2]}}))
    assert kept["properties"].startswith('{"b":1,"a":[2],"sentiment_by":')


def test_it_stays_absent_where_it_may_not_be_computed():
    for data in ({"language": "fr"}, {"brand": "quiet"}, {"text": "Where is gate 4?"}, {"text": ""}):
        found = one(ON, line(data={"text": ANGRY} | data))
        assert (found["sentiment"], found["properties"]) == (None, "")


def test_its_own_sentiment_stays():
    for own in (0.9, 0, -1):
        found = one(ON, line(data={"text": ANGRY, "sentiment": own}))
        assert (found["sentiment"], found["properties"]) == (own, "")


def test_a_rating_says_by_itself_how_somebody_felt():
    found = one(ON, line(data={"text": ANGRY, "rating": 5}))
    assert (found["rating"], found["sentiment"], found["properties"]) == (5, None, "")


def test_it_is_the_same_event_whatever_its_text():
    lines = [
        line(data=data) for data in ({}, {"text": ANGRY}, {"text": "lovely"}, {"text": "x", "language": "fr"})
    ]
    assert len({one(edge, each)["event"] for each in lines for edge in (OFF, ON)}) == 1


def test_properties_without_room_for_what_computed_it_have_none():
    full = {"a": "x y " * 2_043}
    found = one(ON, line(data={"text": ANGRY, "properties": full}))
    assert (found["sentiment"], json.loads(found["properties"])) == (None, full)


TEXT = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(
    [
        '"text":"a"',
        '\\"text',
        '","text":"',
        "}",
        "zz\\",
        '"language":"en"',
        "\ud83d",
        "\\ud83d",
        "text",
        "é",
        "\x1f",
    ]
)


@settings(max_examples=300)
@given(
    text=TEXT,
    other=TEXT,
    language=st.none() | st.sampled_from(["en", "de-CH"]),
    place=st.integers(0, 8),
    ascii_=st.booleans(),
    spaced=st.booleans(),
    properties=st.none() | st.fixed_dictionaries({"text": TEXT, "language": st.just("en")}),
)
def test_the_rest_is_as_if_it_had_not_been_there(text, other, language, place, ascii_, spaced, properties):
    """Whatever the texts, at whatever place, however it is written, and whatever else is called so."""
    other, properties = (
        _whole(other),
        properties and {name: _whole(value) for name, value in properties.items()},
    )
    data = {
        "brand": "b",
        "handles": {"cookie": "c-1"},
        "content": other or "x",
        "amount": 3,
        "currency": "EUR",
    }
    data |= {"properties": properties} if properties else {}
    more = {"text": text if ascii_ else _whole(text)} | ({"language": language} if language else {})
    items = list(data.items())
    items[place % (len(items) + 1) : place % (len(items) + 1)] = more.items()
    separators = (" , ", " : ") if spaced else (",", ":")
    said, silent = (
        json.dumps(event() | {"data": each}, ensure_ascii=ascii_, separators=separators).encode()
        for each in (dict(items), data)
    )
    for edge in (OFF, ON):
        found, letters = packed(edge, said)
        expected, refused = packed(edge, silent)
        assert [letter["reason"] for letter in letters] == [letter["reason"] for letter in refused]
        for each in found:
            kept = json.loads(each["properties"] or "{}")
            if kept.pop("sentiment_by", None):
                each["sentiment"] = None
                each["properties"] = (
                    json.dumps(kept, ensure_ascii=False, separators=(",", ":")) if kept else ""
                )
        assert found == expected
    assert parted(said)[1].text == _whole(more["text"])


def _whole(text):
    """Return a text whose halves of surrogate pairs are U+FFFD."""
    return (
        json.loads(json.dumps(text)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if text
        else text
    )


@pytest.mark.parametrize("size", [9_999, 10_001, 40_000, 1_000_000])
@pytest.mark.parametrize("letter", ["a ", "é ", "😍", "\0"])
def test_a_long_text_is_no_reason_to_refuse(size, letter):
    said = "horrible " + letter * (size // len(letter))
    for edge in (OFF, ON):
        for whole in (True, False):
            text = json.dumps(event(data={"text": said}), ensure_ascii=whole).encode()
            found = one(edge, text)
            assert (found["sentiment"] is None) == (edge is OFF) or "😍" in letter
            edge.check(text, NOW_US)


def test_base64_and_a_byte_order_mark():
    envelope = event()
    data = json.dumps(envelope.pop("data") | {"text": ANGRY + " \ud83d"}).encode()
    encoded = json.dumps(envelope | {"data_base64": base64.b64encode(data).decode()}).encode()
    for said in (encoded, b"\xef\xbb\xbf" + line(data={"text": ANGRY})):
        assert one(ON, said)["sentiment"] < -0.3
        assert one(OFF, said)["sentiment"] is None


WRONG = [
    line(data={"text": ANGRY}, time="no time"),
    line(data={"text": ANGRY, "brand": ""}),
    line(data={"text": ANGRY, "unknown": ANGRY}),
    line(data={"text": ANGRY, "language": "zzplanted of mine"}),
    line(data={"text": ANGRY}, time="2031-01-01T00:00:00Z"),
    line(data={"text": ["zzplanted"]}),
    line(data={"text": {"zzplanted": 1}}),
    line(data={"text": 5, "rating": 99}),
    line(data={"text": ANGRY, "handles": {"cookie": "null"}}),
    line(data={"text": ANGRY})[:-1],
    line(data={"text": ANGRY})[:-20],
    line(data={"text": ANGRY}).replace(b"zzplanted", b"zzplanted \\q"),
    line(data={"text": ANGRY}).replace(b"zzplanted", b"zzplanted \x01"),
    line(data={"text": ANGRY}).replace(b"zzplanted", b"zzplanted \xff"),
    line(data={"text": "zzplanted " * 9_000}, time=5),
    line(data={"text": "zzplanted " * 9_000})[:-9],
    line(data={"content": "x" * 40_000, "text": ANGRY}),
    line(data={"text": ANGRY, "consent": "denied"}),
    b'{"text": "zzplanted"}',
    b'["zzplanted", {"text": "zzplanted"}]',
    line(type="x", data={"text": ANGRY}),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_letter_has_nothing_of_it(number):
    said = WRONG[number]
    for edge in (OFF, ON, Edge(KEY, trusted=True)):
        found, (letter,) = packed(edge, said)
        assert found == []
        assert "zzplanted" not in str(letter).lower()
        assert b"horrible" not in letter["bytes"]
        if letter["reason"] != "consent_denied":  # which is no fault
            with pytest.raises(Refused) as refused:
                edge.check(said, NOW_US)
            assert "zzplanted" not in str(refused.value)


def test_a_letter_of_what_is_no_json_has_not_even_its_words():
    """Of other fields, words of the contract are shown."""
    whole = line(data={"text": 'my device, "content" and place', "content": "a campaign"})
    for said in (whole[:-1], whole[:-40], whole.replace(b'"time"', b'"time')):
        (letter,) = packed(OFF, said)[1]
        assert letter["reason"] == "not_json"
        assert not [word for word in (b"device", b"place", b"my", b"xx xxxxxx,") if word in letter["bytes"]]


def test_a_letter_is_the_same_event_when_it_is_replayed():
    early = line(data={"text": ANGRY, "language": "en"}, time="2026-10-19T00:00:00Z")
    _, (letter,) = packed(ON, early)
    assert letter["reason"] == "time_ahead"
    later = int(datetime(2026, 10, 19, tzinfo=UTC).timestamp()) * 1_000_000
    again = (
        Edge(KEY, trusted=True, moods=MOODS)
        .pack([letter["bytes"]], topic="t", now_us=later)
        .events.to_pylist()
    )
    direct = OFF.pack([early], topic="t", now_us=later).events.to_pylist()
    assert again == direct


def test_a_key_that_is_escaped_or_twice_brings_no_mood_and_stays_nowhere():
    escaped = line(data={"text": ANGRY}).replace(b'"text"', b'"\\u0074ext"')
    twice = line(data={"text": ANGRY}).replace(b'"text"', b'"text": "zzplanted", "text"')
    elsewhere = line(data={"properties": {"text": "kept"}}, text="zzplanted")
    for said in (escaped, twice):
        assert one(OFF, said) == one(OFF, line())
        one(ON, said)
    assert one(ON, elsewhere)["properties"] == '{"text":"kept"}'
    assert one(ON, elsewhere)["sentiment"] is None


def test_a_method_that_fails_loses_no_event():
    def fails(text):
        raise RuntimeError(text)

    moods = Moods({"": ("en",)})
    moods._methods["en"] = Method("m", fails)
    edge = Edge(KEY, moods=moods)
    lines = [line(id=str(number), data={"text": f"zzplanted {number}"}) for number in range(50)]
    found, letters = packed(edge, *lines)
    assert (len(found), letters) == (50, [])
    assert [(*labels, count) for _, labels, count in moods.samples()] == [("failed", 50)]


def test_only_events_that_are_taken_are_read():
    moods = Moods({"": ("en",)})
    edge = Edge(KEY, moods=moods)
    packed(edge, *(each for each in WRONG if b"brand" in each))
    assert list(moods.samples()) == []


def test_data_is_shortened_only_where_it_has_to_be():
    for data in (
        b"{}",
        b'{"text": 5}',
        b'{"text": "a"}',
        b'{"a": "text"}',
        b'no json "text"',
        b'{"text": "\\q"}',
    ):
        assert shortened(data) == data
    assert len(json.loads(shortened(json.dumps({"text": "é" * 50_000, "a": 1}).encode()))["text"]) == 10_000
    assert json.loads(shortened(b'{"text": "\\ud83d\\ud83d\\ude00 \\\\ud83d"}'))["text"] == "\ufffd😀 \\ud83d"
