"""Malformed input, by the thousand: the edge never raises, loses no line, and lets nothing through that breaks later."""

import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from streams.edge import REASONS, Edge
from streams.edge.redact import redact
from streams.engine.intake import dead_letters, interactions
from streams.log.batch import Batch, Record
from streams.log.frame import decode, encode
from tests.edge import lines

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
KEY = b"k" * 32
NOW_US = 1_793_534_400_000_000
CHUNK = 500

VALID = [json.dumps(json.loads(path.read_text())) for path in sorted((EXAMPLES / "valid").glob("*.json"))]
VALID += (EXAMPLES / "evening.ndjson").read_text().splitlines()

# What stands for a value of another kind, as JSON text.
VALUES = [
    "null", "true", "false", "0", "-0", "-0.0", "1", "1e308", "-1e308", "1e309", "-1e999", "1e-400", "0.1", "5e-324", "9" * 400,
    "9" * 5_000, "1" + "0" * 30, "9223372036854775808", "18446744073709551616", "-9223372036854775809", "1.7976931348623157e308",
    "NaN", "Infinity", "-Infinity", "nan", "01", "+1", ".5", "1.", "0x10", "1_000", "١٢", '""', '" "', '"\\u0000"',
    '"a\\u0000b"', '"\\ud800"', '"\\udfff\\ud800"', '"\\ud83d\\ude00"', '"\\u202e"', '"\\ufeff"', '"\\b\\f\\n\\r\\t\\u001f\\u007f"', '"\x00"',
    '"\t"', '"%s%n{0}"', '"\'; DROP TABLE interactions; --"', '"=cmd|calc"', '"<script>alert(1)</script>"', '"\\r\\nSet-Cookie: a=b"',
    '"../../etc/passwd"', '"' + "a" * 257 + '"', '"' + "é" * 256 + '"', '"' + "🎬" * 5_000 + '"', '"' + "x" * 40_000 + '"', "[]", "{}",
    "[[]]", '[""]', "[null]", '["a", 1]', '["a"]', '["a", "a"]', "[" * 150 + "]" * 150, "[" * 3_000 + "]" * 3_000,
    '{"a":' * 150 + "1" + "}" * 150, '{"a":' * 3_000 + "1" + "}" * 3_000, '{"": 1}', '{"a": 1, "a": 2}', '{"\\ud800": 1}', '{"a@b.c": "a@b.c"}',
    '["' + '","'.join(f"c{n}" for n in range(9)) + '"]', '["' + '","'.join(f"c{n}" for n in range(3_000)) + '"]',
    '{"email": "a@b.example", "user": ["u", "#0123456789abcdef"]}', '{"email": {"email": {"email": "a@b.example"}}}', '"#0123456789abcdef"',
    '"#0000000000000000"', '"0000"', '"undefined"', '"a@b.example"', '"+33 6 12 34 56 78"', '"web.page_view"', '"EUR"', '"1.0"', "__import__",
]  # fmt: skip
TIMES = [
    "1700000000", '"1700000000"', '"1700000000.5"', '"1700000000000"', '"2016-12-31T23:59:60Z"', '"2026-06-30T23:59:60.999+02:00"',
    '"0001-01-01T00:00:00Z"', '"0001-01-01T00:00:00+23:59"', '"0000-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999Z"',
    '"9999-12-31T23:59:59-23:59"', '"10000-01-01T00:00:00Z"', '"-001-01-01T00:00:00Z"', '"1899-12-31T23:59:59Z"', '"1900-01-01T00:00:00Z"',
    '"2262-04-11T23:47:16.854775808Z"', '"1677-09-21T00:12:43Z"', '"2026-02-29T00:00:00Z"', '"2026-10-17T24:00:00Z"', '"2026-10-17T12:60:00Z"',
    '"2026-10-17T12:00:00+24:00"', '"2026-10-17T12:00:00+14:60"', '"2026-10-17T12:00:00.' + "9" * 18 + 'Z"', '"2026-10-17T12:00:00"',
    '"2026-10-17"', '"2026-W42-6T12:00:00Z"', '"2026-290T12:00:00Z"', '"20261017T120000Z"', '"2026-10-17T12:00:00 Z"', '"2026-10-17T12:00:00Z "',
    '"2026-10-17 12:00:00z"', '"٢٠٢٦-١٠-١٧T12:00:00Z"', '"P1D"', '"now"', '"12:00:00Z"', '"2026-10-17T12:00:00Z\\u0000"', '"2026-10-17T12:00:00,5Z"',
]  # fmt: skip
JUNK = [
    "", " ", "\n", "\0", "{", "}", "[", "]", '"', "null", "true", "0", "-", "{}", "[]", "[{}]", '{"id"}', '{"id":}', "{,}", '{"id":1,}', "//", "/* */",
    "\ufeff{}", "\x1b[31m", "GET / HTTP/1.1", "a,b,c", "<xml/>", "---\nid: 1", "id=1&source=s", "[" * 30_000, '{"a":' * 5_000, '"' * 30_000, "1" * 30_000,
]  # fmt: skip
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "cp1252", "cp037", "utf-7")


class Mutations:
    """An endless supply of lines, nearly all of them malformed: the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def line(self) -> bytes:
        text = self.random.choice(VALID)
        mutate = self.random.choice(
            (
                self.value,
                self.value,
                self.value,
                self.time,
                self.twice,
                self.bits,
                self.cut,
                self.splice,
                self.encoded,
                self.junk,
                self.bytes,
            )
        )
        line = mutate(text)
        return self.bits(line) if self.random.random() < 0.05 else line

    def place(self, event):
        """A table of the event, and the name of a value in it."""
        tables = [event, event["data"], event["data"], event["data"]["handles"]]
        if event["data"].get("properties"):
            tables.append(event["data"]["properties"])
        table = self.random.choice(tables)
        known = [
            *table,
            "id",
            "amount",
            "currency",
            "rating",
            "sentiment",
            "properties",
            "handles",
            "email",
            "phone",
            "cause",
            "neu",
        ]
        return table, self.random.choice(known)

    def value(self, text, values=VALUES):
        event = json.loads(text)
        for _ in range(self.random.choice((1, 1, 2, 3))):
            table, name = self.place(event)
            table[name] = mark = f"<<{self.random.getrandbits(64)}>>"
            text = json.dumps(event, ensure_ascii=self.random.random() < 0.5).replace(
                f'"{mark}"', self.random.choice(values), 1
            )
            if not self.readable(text):
                break
            event = json.loads(text)
        return text.encode("utf-8", "surrogatepass")

    def readable(self, text):
        """Whether the text is an event still, with tables where tables belong."""
        try:
            event = json.loads(text)
            return isinstance(event["data"]["handles"], dict) and isinstance(
                event["data"].get("properties", {}), dict
            )
        except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
            return False

    def time(self, text):
        event = json.loads(text)
        event["time"] = "<<time>>"
        return json.dumps(event).replace('"<<time>>"', self.random.choice(TIMES)).encode()

    def twice(self, text):
        """A key that is given twice."""
        _, name = self.place(json.loads(text))
        pair = f"{json.dumps(name)}: {self.random.choice(VALUES)}, "
        at = self.random.choice([place for place, letter in enumerate(text) if letter == "{"]) + 1
        return (text[:at] + pair * self.random.choice((1, 2)) + text[at:]).encode("utf-8", "surrogatepass")

    def bits(self, text):
        line = bytearray(text if isinstance(text, bytes) else text.encode())
        for _ in range(self.random.choice((1, 1, 2, 8)) if line else 0):
            line[self.random.randrange(len(line))] ^= 1 << self.random.randrange(8)
        return bytes(line)

    def cut(self, text):
        line = text.encode()
        start, end = sorted(self.random.randrange(len(line)) for _ in range(2))
        return self.random.choice((line[:end], line[start:], line[start:end], line[:start] + line[end:]))

    def splice(self, text):
        other = self.random.choice(VALID)
        return (
            text[: self.random.randrange(len(text))] + other[self.random.randrange(len(other)) :]
        ).encode()

    def encoded(self, text):
        line = text.encode(self.random.choice(ENCODINGS), "replace")
        return line[: self.random.randrange(len(line))] if self.random.random() < 0.3 else line

    def junk(self, text):
        junk = self.random.choice(JUNK)
        return self.random.choice(
            (junk, junk + text, text + junk, f"[{text}]", f"[{text},{text}]", json.dumps(text))
        ).encode()

    def bytes(self, text):
        """Bytes that may stand nowhere."""
        line = text.encode()
        at = self.random.randrange(len(line))
        foreign = self.random.choice(
            (
                b"\0",
                b"\xff",
                b"\xc0\x80",
                b"\xed\xa0\x80",
                b"\xf4\x90\x80\x80",
                b"\x80",
                b"\r",
                b"\x1b",
                b"\xe2\x80\xae",
            )
        )
        return line[:at] + foreign * self.random.choice((1, 1, 3, 100)) + line[at:]


def check(lines, edge, again):
    """Pack the lines and use the frame as the engine does; returns how many of them were events, and the reasons."""
    frame = edge.pack(lines, topic="malformed", now_us=NOW_US, partition=7, first_offset=100)
    assert frame.received == len(lines)
    travelled = decode(encode(frame))
    assert travelled.events.equals(frame.events.replace_schema_metadata(travelled.events.schema.metadata))
    assert travelled.letters.equals(frame.letters)
    travelled.events.validate(full=True)
    record = Record(7, 1, travelled)
    rows = interactions(Batch.of([record]))
    rows.validate(full=True)
    letters = dead_letters([record]).to_pylist()
    assert len(rows) + len(letters) == len(lines)
    for letter in letters:
        assert letter["reason"] in REASONS
        assert len(letter["detail"]) < 400
        letter["bytes"].decode()
    assert again.pack([letter["bytes"] for letter in letters], topic="again", now_us=NOW_US).received == len(
        letters
    )
    return len(rows), [letter["reason"] for letter in letters]


def run(count, seed):
    mutations, edge, again = Mutations(seed), Edge(KEY), Edge(KEY, trusted=True)
    accepted, reasons = 0, Counter()
    for _ in range(0, count, CHUNK):
        lines = [mutations.line() for _ in range(CHUNK)]
        events, refused = check(lines, edge, again)
        accepted += events
        reasons.update(refused)
    assert accepted + reasons.total() == count
    return accepted, reasons


def test_20_000_malformed_lines_break_nothing_and_each_is_in_the_books():
    accepted, reasons = run(20_000, seed=8)
    # The mutations have to be worth something: every reason occurs, and some lines stay events.
    assert set(reasons) == set(REASONS) - {"not_granted"}  # that one is about the sender
    assert 1_000 < accepted < 10_000


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_a_million_malformed_lines_break_nothing_and_each_is_in_the_books(part):
    count = 1_000 * int(os.environ.get("JOURNEY_SOAK", "1"))
    run(max(count // CHUNK, 1) * CHUNK, seed=1_000 + part)


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}"), ('{"a":[', "]}")])
@pytest.mark.parametrize("levels", [190, 330, 600, 985, 1_500])
def test_json_in_a_text_is_an_event_however_deep_it_is(opened, closed, levels):
    text = f"{opened * levels}0{closed * levels}"[:6_000]
    frame = lines.pack(lines.line(data={"properties": {"a": [f" {text}"]}}), lines.GOOD)
    assert len(frame.events) == 2


def test_a_line_that_an_error_of_ours_comes_of_is_refused_alone(monkeypatch, caplog):
    def stored(properties):
        return b"{}" if "odd" not in properties else 1 / 0

    monkeypatch.setattr("streams.edge.properties.stored", stored)
    odd = lines.line(data={"properties": {"odd": 1}})
    frame = lines.pack(lines.GOOD, odd, lines.line(id="2"), b"{", odd, first_offset=7)
    assert len(frame.events) == 2
    letters = [(each["topic_offset"], each["reason"]) for each in frame.letters.to_pylist()]
    assert letters == [(8, "bad_value"), (10, "not_json"), (11, "bad_value")]
    assert "2, ZeroDivisionError in stored (test_malformed_input.py" in caplog.text


def test_an_error_that_no_line_brings_about_refuses_none(monkeypatch):
    monkeypatch.setattr("streams.edge.edge.batch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lines.pack(lines.GOOD)


@pytest.mark.parametrize("text", VALUES + TIMES + JUNK)
def test_redaction_takes_any_line(text):
    key_given_twice = f'{{"handles": {text}, "data": {{"handles": {{"email": {text}, {text}: 1}}}}}}'
    for line in (text, f'{{"data": {{"handles": {text}}}}}', key_given_twice):
        raw = line.encode("utf-8", "surrogatepass")
        for trusted in (False, True):
            once = redact(raw, KEY, trusted=trusted)
            assert redact(redact(once, KEY, trusted=True), KEY, trusted=True).decode() is not None


def test_the_same_seed_gives_the_same_lines():
    one, two = Mutations(5), Mutations(5)
    assert [one.line() for _ in range(200)] == [two.line() for _ in range(200)]
