"""Two parsers, one verdict: what the edge reads by the shorter way is what the contract makes of it, to the bit."""

import json
import os
from datetime import UTC, datetime
from typing import get_type_hints

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.event import EventV1, InteractionV1
from streams.edge import Edge, fast_path
from streams.inputs.simulate import simulate
from tests.edge.test_malformed_input import CHUNK, KEY, NOW_US, TIMES, VALID, VALUES, Mutations

LINE = json.dumps(json.loads(VALID[0]), separators=(",", ":")).encode()
thorough = settings(max_examples=100)


class ByContract(Edge):
    """An edge that leaves every line to the contract."""

    def _plain(self, _lines):
        return super()._plain([])


def same(lines, *, by=(Edge, ByContract), **options):
    """Assert that both edges make the same frame of the lines; returns how many were read by the shorter way."""
    short, long = (edge(KEY, **options) for edge in by)
    frames = [
        edge.pack(lines, topic="t", now_us=NOW_US, partition=3, first_offset=9) for edge in (short, long)
    ]
    for ours, theirs in ((frames[0].events, frames[1].events), (frames[0].letters, frames[1].letters)):
        assert ours.equals(theirs), difference(ours, theirs)
    for name in ("rating", "sentiment"):  # minus zero is equal to zero
        ours, theirs = (frame.events.column(name).to_numpy(zero_copy_only=False) for frame in frames)
        assert np.array_equal(np.signbit(ours), np.signbit(theirs))
    return len(short._plain(lines))


def difference(ours, theirs):
    pairs = zip(ours.to_pylist(), theirs.to_pylist(), strict=False)
    return [pair for pair in pairs if pair[0] != pair[1]][:1] or (len(ours), len(theirs))


def compared(count, seed):
    mutations, read = Mutations(seed), 0
    for _ in range(0, count, CHUNK):
        read += same([mutations.line() for _ in range(CHUNK)])
    return read


def test_4_000_malformed_lines_are_the_same_either_way():
    assert 120 < compared(4_000, seed=31) < 2_000  # some are events still


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_a_million_malformed_lines_are_the_same_either_way(part):
    compared(max(1_000 * int(os.environ.get("JOURNEY_SOAK", "1")) // CHUNK, 1) * CHUNK, seed=7_000 + part)


def test_every_simulated_event_is_read_the_shorter_way_and_is_the_same():
    events = simulate(customers=150, days=20, seed=5, start=datetime(2026, 10, 1, tzinfo=UTC))
    lines = [json.dumps(event, ensure_ascii=number % 2 == 0).encode() for number, event in enumerate(events)]
    for start in range(0, len(lines), CHUNK):
        part = lines[start : start + CHUNK]
        assert same(part) == len(part)


def test_bundled_examples_are_the_same_and_nearly_all_are_read_the_shorter_way():
    lines = [text.encode() for text in VALID]
    # nanoseconds, a leap second, a media type with parameters, attributes that are null, and a text, which is taken out first
    assert same(lines) >= len(lines) - 5


def test_both_know_the_same_fields():
    data, envelope = set(get_type_hints(InteractionV1)), set(get_type_hints(EventV1))
    known = {field for field in fast_path.VALUES + fast_path.TEXTS if field not in envelope}
    assert known | {"text", "language"} == data  # which are taken out before
    assert set(fast_path._Event.__struct_fields__) == {*envelope, "data_base64"}
    assert set(fast_path._Interaction.__struct_fields__) == data - {"text", "language"}


def put(path, text):
    """The line with a value, as JSON text, in the place of another or beside the others."""
    event = json.loads(LINE)
    *way, name = path
    table = event
    for key in way:
        table = table.setdefault(key, {})
    table[name] = "<<mark>>"
    return json.dumps(event, ensure_ascii=False).replace('"<<mark>>"', text).encode("utf-8", "surrogatepass")


NAMES = sorted(get_type_hints(InteractionV1))
PLACES = [(name,) for name in sorted(get_type_hints(EventV1)) if name != "data"] + [("extension",), ("data",)]
PLACES += [("data", name) for name in [*NAMES, "unknown"]]
PLACES += [("data", "handles", name) for name in ("user", "email", "phone", "unknown")]
PLACES += [("data", "properties", "a"), ("data", "properties", "")]


@pytest.mark.parametrize("place", PLACES, ids="/".join)
def test_any_value_in_any_place_is_the_same_either_way(place):
    texts = VALUES + (TIMES if place == ("time",) else [])
    lines = [put(place, text) for text in texts]
    for line in lines:  # alone, too: what one line is must not depend on the others
        same([line])
    same(lines)


digits = st.text("0123456789", min_size=1, max_size=5)
odd_numbers = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "-"]),
        digits,
        st.one_of(st.just(""), digits.map(".{}".format)),
        st.one_of(st.just(""), st.tuples(st.sampled_from(["e", "E", "e+", "e-"]), digits).map("".join)),
    ),
)
numbers = st.one_of(odd_numbers, st.floats(allow_nan=False).map(repr), st.integers().map(str))
texts = st.one_of(
    st.text(), st.text(st.characters(max_codepoint=0x200)), st.sampled_from(["anonymous", "0", "-", " x "])
)
strings = st.builds(json.dumps, texts, ensure_ascii=st.booleans())
spaces = st.text(" \t\r\n", max_size=2)
json_texts = st.recursive(
    st.one_of(st.sampled_from(["null", "true", "false"]), numbers, strings),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(strings, spaces, inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f"{key}{space}:{space}{value}" for key, space, value in pairs) + "}"
        ),
    ),
    max_leaves=8,
)


@thorough
@given(st.lists(st.tuples(st.sampled_from(PLACES), json_texts), min_size=1, max_size=5))
def test_any_json_in_any_place_is_the_same_either_way(changes):
    same([put(place, text) for place, text in changes])


fields = st.one_of(
    st.tuples(st.sampled_from(["content", "product", "place", "campaign", "device", "cause", "brand"]), strings),
    st.tuples(st.sampled_from(["amount", "rating", "sentiment"]), numbers),
    st.tuples(st.just("currency"), st.sampled_from(['"EUR"', '"USD"', '""', '"eur"'])),
    st.tuples(st.just("properties"), st.lists(st.tuples(strings, json_texts), max_size=3).map(
        lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
    )),
    st.tuples(st.just("handles"), st.lists(st.tuples(st.sampled_from(['"user"', '"email"', '"cookie"', '"us\\u0065r"']), st.one_of(
        strings, st.lists(strings, max_size=9).map(lambda items: f"[{','.join(items)}]")
    )), max_size=3).map(lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}")),
)  # fmt: skip


@thorough
@given(st.lists(st.tuples(fields, spaces), max_size=8))
def test_fields_in_any_order_given_once_or_twice_are_the_same_either_way(given_fields):
    rest = "".join(f',{space}"{name}"{space}:{text}' for (name, text), space in given_fields)
    head = '{"id":"1","source":"s","type":"a.b","time":"2026-10-17T12:00:00Z","data":'
    same(
        [
            f'{head}{{"brand":"b","handles":{{"user":"u-1"}}{rest}}}}}'.encode(),
            f'{head}{{"handles":{{"user":"u-1"}}{rest},"brand":"b"}}}}'.encode(),
        ]
    )


two = st.integers(0, 99).map("{:02}".format)
clocks = st.builds(
    "".join,
    st.tuples(
        st.one_of(st.integers(1890, 2110).map(str), st.integers(0, 9_999).map("{:04}".format)),
        st.just("-"), two, st.just("-"), two, st.sampled_from(["T", "T", "T", "t", " "]), two, st.just(":"), two,
        st.one_of(two.map(":{}".format), st.just("")),
        st.one_of(st.just(""), st.text("0123456789", max_size=9).map(".{}".format)),
        st.one_of(st.sampled_from(["Z", "Z", "z", "", "+0200", "+02", "-00:00"]), st.tuples(st.sampled_from("+-"), two, two).map(
            lambda parts: f"{parts[0]}{parts[1]}:{parts[2]}"
        )),
    ),
)  # fmt: skip
near = st.datetimes(datetime(1880, 1, 1), datetime(2210, 1, 1)).map(lambda at: at.isoformat() + "Z")  # noqa: DTZ001


@thorough
@given(st.lists(st.one_of(clocks, near), min_size=1, max_size=20))
@example(["2026-02-30T00:00:00Z", "2026-02-28T00:00:00Z", "2026-10-17T12:00:00.1234567Z"])
def test_times_are_the_same_either_way(times):
    same([put(("time",), json.dumps(time)) for time in times])


DEEP = "[" * 199 + "]" * 199
UNSEEN = {  # where the shorter way looks away, or would be more lenient
    "not UTF-8 in an extension": LINE[:-1] + b',"extension":"\xff"}',
    "half a surrogate pair in UTF-8 in an extension": LINE[:-1] + b',"extension":"\xed\xa0\x80"}',
    "not UTF-8 in a key of an extension": LINE[:-1] + b',"\xff":1}',
    "an extension that is too deep": LINE[:-1] + f',"extension":{DEEP}0'.encode() + b"}",
    "an extension as deep as may be": LINE[:-1] + f',"extension":{DEEP}'.encode() + b"}",
    "an extension with too many digits": LINE[:-1] + b',"extension":' + b"9" * 4_301 + b"}",
    "an extension with a float of many digits": LINE[:-1] + b',"extension":0.' + b"9" * 4_000 + b"}",
    "an extension that is not JSON": LINE[:-1] + b',"extension":NaN}',
    "properties twice, not UTF-8 first": put(("data", "properties"), '{"a":"?"},"properties":{"a":1}').replace(b"?", b"\xff"),
    "properties twice, too deep first": put(("data", "properties"), f'{{"a":{DEEP}}},"properties":{{"a":1}}'),
    "properties twice, too many digits first": put(("data", "properties"), f'{{"a":{"9" * 4_301}}},"properties":{{"a":1}}'),
    "properties twice, no table first": put(("data", "properties"), '5,"prop\\u0065rties":{"a":1}'),
    "handles twice, of another type first": put(("data", "handles"), '5,"handles":{"user":"u"}'),
    "handles twice, not UTF-8 first": put(("data", "handles"), '{"user":"?"},"handles":{"user":"u"}').replace(b"?", b"\xff"),
    "properties as deep as may be": put(("data", "properties"), f'{{"a":{DEEP[2:-2]}}}'),
    "properties that are too deep": put(("data", "properties"), f'{{"a":{DEEP}}}'),
    "an integer for a rating, minus zero": put(("data", "rating"), "-0"),
    "a fraction for a rating, minus zero": put(("data", "sentiment"), "-0.0"),
    "two events in one line": LINE + LINE,
    "an event and half of one": LINE + b"," + LINE[:40],
    "white space around": b" \t" + LINE + b"\r\n ",
    "a byte order mark": b"\xef\xbb\xbf" + LINE,
    "NUL at the end": LINE + b"\0",
}  # fmt: skip


@pytest.mark.parametrize("name", UNSEEN)
def test_what_the_shorter_way_does_not_look_into_is_judged_by_the_contract(name):
    same([UNSEEN[name]])
    same([LINE, UNSEEN[name], LINE])


@pytest.mark.parametrize("trusted", [False, True])
def test_what_is_remembered_of_one_frame_does_not_change_the_next(trusted):
    texts = [
        '{"user":"#0123456789abcdef"}',
        '{"user":"null"}',
        '{"user":"null","email":"a@b.example"}',
        '{"email":"A@b.example "}',
    ]
    lines = [put(("data", "handles"), text) for text in texts * 2]
    lines += [
        put(("data", "properties"), text)
        for text in ('{"a":1.0}', '{ "a" : 1.0 }', "{}", '{"a":1e2}', '{"a":NaN}') * 2
    ]
    short, long = (edge(KEY, frozenset({"kiosk"}), trusted=trusted) for edge in (Edge, ByContract))
    for _ in range(3):
        frames = [edge.pack(lines, topic="t", now_us=NOW_US) for edge in (short, long)]
        assert frames[0].events.equals(frames[1].events)
        assert frames[0].letters.equals(frames[1].letters)


def test_the_comparison_notices_a_difference():
    class Careless(Edge):
        def _plain(self, lines):
            rows = super()._plain(lines)
            rows.columns.texts["place"] = pa.array(["" for _ in range(len(rows))], pa.string())
            return rows

    with pytest.raises(AssertionError):
        same([put(("data", "place"), '"here"')], by=(Careless, ByContract))


@pytest.mark.parametrize(
    ("handle", "text"),
    [
        ("abcdef12", "abcdef½"),
        ("0¨¼", "0:¼"),
        ("strasse77", "Straße77"),
        ("abcdef12", "abc\u00addef12"),
        ("abcdef12", "abc\u200bdef12"),
        ("abc def12", "abc\u00a0def12"),
        ("abcdef12", "abcdef\u0661\u0662"),
        ("abc-def12", "abc\u2013def12"),
        ("office77", "o\ufb03ce77"),
        ("kelvin77", "\u212aelvin77"),
        ("élodie77", "e\u0301lodie77"),
    ],
)
def test_a_handle_in_lookalikes_is_taken_out_either_way(handle, text):
    one = {"id": "1", "source": "s", "type": "a.b", "time": "2026-01-17T12:00:00Z"}
    line = one | {"data": {"brand": "b", "handles": {"user": handle}, "content": text}}
    lines = [json.dumps(line, ensure_ascii=False).encode()]
    same(lines)
    frame = Edge(KEY).pack(lines, topic="t", now_us=NOW_US, partition=3, first_offset=9)
    assert frame.events.column("content").to_pylist() == ["#"]
