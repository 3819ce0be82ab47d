"""An event is the same when source, id and primary handle are, whatever its time; a repeat that differs is a conflict."""

import json
from datetime import timedelta

import pytest

from streams.analysis.verify import mended_by, verify
from streams.clock import from_us, system_clock
from streams.embedded.embedded import Embedded
from streams.embedded.forget import forget
from streams.embedded.rotate import rotate
from streams.recovery import rebuild
from streams.recovery.rebuild import Order
from streams.settings import Settings
from tests.collector.adapters.edge import RECEIVED, branded, request
from tests.collector.adapters.test_segment import ADAPTER, ORDER
from tests.fixtures.directories import with_tables

KEY = bytes(range(32))
NOW_US = 1_796_000_000_000_000
AT = "2026-11-20T10:00:00Z"


def event(name="x", at=AT, kind="web.purchase", handles=None, **more):
    data = {"brand": "b", "handles": handles or {"cookie": "c"}, "amount": 10, "currency": "EUR"} | more
    return json.dumps({"id": name, "source": "shop", "type": kind, "time": at, "data": data}).encode()


# What is sent, and what its conflict says; None where it is no repeat, "" where it is one that says the same.
SENT = [
    (event(properties={"a": 1, "b": {"c": [1, 2]}}), None),
    (event(properties={"b": {"c": [1, 2]}, "a": 1}), ""),
    (event(at="2026-11-20T12:00:00+02:00", properties={"a": 1.0, "b": {"c": [1, 2]}}), ""),
    (event("y", handles={"cookie": ["c", "d"]}, rating=4), None),
    (event("x", handles={"cookie": "d"}), None),  # of somebody else: another event
    (event(at="2026-11-22T10:00:00Z", properties={"a": 1, "b": {"c": [1, 2]}}), "time|2026-11-20T10:00:00Z|2026-11-22T10:00:00Z"),
    (event(at="1999-11-20T10:00:00.5Z", properties={"a": 1, "b": {"c": [1, 2]}}), "time|2026-11-20T10:00:00Z|1999-11-20T10:00:00.500000Z"),
    (event(amount=99, properties={"a": 1, "b": {"c": [1, 2]}}), "amount|10|99"),
    (event(amount=0.5, currency="USD", properties={"a": 1, "b": {"c": [1, 2]}}), "amount|10|0.5 currency|EUR|USD"),
    (event("y", handles={"cookie": ["c", "d"]}), "rating|4.0|"),
    (event("y", handles={"cookie": ["c", "d", "e"]}, rating=4, content="film"), "content||film handles|0 others|1 others"),
    (event(kind="web.refund", properties={"a": 2, "z": "é" * 300}), f'properties|{{"a":1,"b":{{"c":[1,2]}}}}|{{"a":2,"z":"{"é" * 187}… type|web.purchase|web.refund'),
]  # fmt: skip


def opened(data, **more) -> Embedded:
    return Embedded(Settings(with_tables(data), handle_key=KEY, **more), clock=lambda: NOW_US)


def load(embedded, lines):
    edge = embedded.edge()
    return embedded.load(edge.pack([line], topic="t", now_us=NOW_US + n) for n, line in enumerate(lines))


def told(embedded):
    rows = embedded.store.rows(
        "SELECT id, kept, repeated, field, event, _offset FROM conflicts ORDER BY _offset, field"
    )
    found = {}
    for row in rows:
        found.setdefault(row["_offset"], []).append(f"{row['field']}|{row['kept']}|{row['repeated']}")
    return [" ".join(fields) for fields in found.values()]


@pytest.mark.parametrize("cut", [len(SENT), 5, 1])
def test_the_first_counts_and_what_a_repeat_says_else_is_told_whatever_the_batches(tmp_path, cut):
    repeats = [said for _, said in SENT if said is not None]
    conflicts = [said for said in repeats if said]
    stored = duplicates = differing = 0
    for start in range(0, len(SENT), cut):  # loads of their own; the window is over at once: all is looked up
        with opened(tmp_path, id_window=timedelta(0)) as embedded:
            outcome = load(embedded, [line for line, _ in SENT[start : start + cut]])
            stored, duplicates = stored + outcome.stored, duplicates + outcome.duplicates
            differing += outcome.conflicts
    assert (stored, duplicates, differing) == (3, len(repeats), len(conflicts))
    with opened(tmp_path) as embedded:
        assert told(embedded) == conflicts
        assert [check for check in verify(embedded) if check.drift] == []
        (books,) = embedded.store.rows("SELECT sum(conflicts) AS c, sum(duplicates) AS d FROM deliveries")
        assert (books["c"], books["d"]) == (len(conflicts), len(repeats))
        by_source = embedded.store.rows("SELECT * FROM conflicts_by_source WHERE field = 'time'")
        assert [(row["source"], row["repeats"], row["events"], row["example_id"], row["example_repeated"]) for row in by_source] == [
            ("shop", 2, 1, "x", "1999-11-20T10:00:00.500000Z")
        ]  # fmt: skip


def test_a_segment_body_that_is_sent_again_days_later_is_the_same_event(tmp_path):
    body = ORDER | {"sentAt": "2026-10-17T11:59:01.000Z"}
    later = RECEIVED + timedelta(days=2)
    with opened(tmp_path) as embedded:
        for received in (RECEIVED, later):
            call = request("/v1/track", body, received_us=int(received.timestamp()) * 1_000_000)
            load(embedded, [branded(item.line) for item in ADAPTER.translate(call)])
        assert embedded.store.rows(
            "SELECT count() AS n, toString(sum(amount)) AS money FROM interactions"
        ) == [{"n": 1, "money": "25"}]
        assert [said.partition("|")[0] for said in told(embedded)] == ["time"]


def test_an_event_that_the_version_before_stored_twice_is_named_and_mended_and_its_directory_migrated(
    tmp_path, monkeypatch
):
    with opened(tmp_path) as embedded:
        load(embedded, [event(), event("y")])
        for statement in (
            "INSERT INTO interactions SELECT * REPLACE (time + toIntervalDay(2) AS time, 99 AS amount, 3 AS _offset) FROM interactions WHERE id = 'x'",
            "INSERT INTO deliveries (received, stored, received_at, _offset) VALUES (1, 1, now(), 3)",
            "ALTER TABLE interactions DROP PROJECTION by_event",
            "DROP VIEW conflicts_by_source",
            "DROP TABLE conflicts",
            "ALTER TABLE deliveries DROP COLUMN conflicts",
            "ALTER TABLE migrations DELETE WHERE startsWith(name, '0018') SETTINGS mutations_sync = 2",
        ):
            embedded.store.client.command(statement)
    with opened(tmp_path) as embedded:
        checks = verify(embedded)
        (doubled,) = next(check.rows for check in checks if check.name == "unique")
        assert (doubled["source"], doubled["id"], len(doubled["times"])) == ("shop", "x", 2)
        assert mended_by(embedded, checks) == ["interactions"]
        order = Order(["interactions"], NOW_US)
        with monkeypatch.context() as patch:
            patch.setattr(rebuild, "_switch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                embedded.rebuild(order)
        assert next(check for check in verify(embedded) if check.name == "unique").drift == 1
        assert embedded.rebuild(order)[0].after == 2
        assert [check for check in verify(embedded) if check.drift] == []
        assert load(embedded, [event(at="2025-01-01T00:00:00Z"), event("y")]).duplicates == 2
        assert embedded.store.rows("SELECT toString(sum(amount)) AS money FROM interactions") == [
            {"money": "20"}
        ]
        assert embedded.store.rows("SELECT what, events FROM erasures") == [{"what": "repeats", "events": 1}]
        assert [check for check in verify(embedded) if check.drift] == []


def felt(mood, **more):
    """An event with a sentiment that was computed, 0 for none."""
    said = (
        {"sentiment": mood, "properties": {"a": 1, "sentiment_by": f"version {mood}"}}
        if mood
        else {"properties": {"a": 1}}
    )
    return event(**said | more)


# What came first, what comes again, and what differs: a sentiment that was computed from a text is nobody's word.
AGAIN = [
    (felt(0.5), felt(0.5), []),
    (felt(0.5), felt(-0.7), []),
    (felt(0.5), felt(0), []),
    (felt(0), felt(0.5), []),
    (felt(0.5), felt(-0.7, amount=9), ["amount|10|9"]),
    (felt(0.5), felt(-0.7, properties={"a": 2, "sentiment_by": "version 2"}), ['properties|{"a":1}|{"a":2}']),
    (felt(0.5), event(sentiment=0.9, properties={"a": 1}), ["sentiment||0.9"]),
    (event(sentiment=0.9, properties={"a": 1}), felt(0.5), ["sentiment|0.9|"]),
    (event(sentiment=0.9, properties={"a": 1}), felt(0), ["sentiment|0.9|"]),
    (event(sentiment=0.9, properties={"b": {"sentiment_by": 1}}), event(sentiment=0.1, properties={"b": {"sentiment_by": 1}}), ["sentiment|0.9|0.1"]),
]  # fmt: skip


@pytest.mark.parametrize("together", [True, False])
def test_a_sentiment_that_was_computed_otherwise_is_no_conflict(tmp_path, together):
    first, again = ([with_id(pair[place], number) for number, pair in enumerate(AGAIN)] for place in (0, 1))
    with opened(tmp_path, id_window=timedelta(0)) as embedded:
        for lines in [first + again] if together else [first, again]:
            embedded.load([embedded.edge().pack(lines, topic="t", now_us=NOW_US)])
        rows = embedded.store.rows(
            "SELECT toUInt8(id) AS n, field, kept, repeated FROM conflicts ORDER BY n, field"
        )
        found = [
            [f"{row['field']}|{row['kept']}|{row['repeated']}" for row in rows if row["n"] == number]
            for number in range(len(AGAIN))
        ]
        assert found == [differs for _, _, differs in AGAIN]
        kept = embedded.store.rows("SELECT sentiment FROM interactions ORDER BY toUInt8(id) LIMIT 3")
        assert [row["sentiment"] for row in kept] == [0.5] * 3, "the first counts"


def with_id(line, number):
    return json.dumps(json.loads(line) | {"id": str(number)}).encode()


def test_a_text_that_is_sent_again_without_or_to_another_version_is_no_conflict(tmp_path):
    said = event(text="I hate it, zzplanted", language="en")
    with opened(tmp_path, languages={"": ("en",)}) as embedded:
        assert load(embedded, [said, said, event(text="lovely, zzplanted")]).conflicts == 0
        (row,) = embedded.store.rows("SELECT sentiment, properties FROM interactions")
        assert row["sentiment"] < -0.3
        assert list(json.loads(row["properties"])) == ["sentiment_by"]
    with opened(tmp_path) as embedded:
        outcome = load(embedded, [said, event(), event(sentiment=0.5)])
        assert (outcome.duplicates, outcome.conflicts, told(embedded)) == (3, 1, ["sentiment||0.5"])
        assert [check for check in verify(embedded) if check.drift] == []


@pytest.mark.parametrize("amount", [1e12, -1e12, 92_233_720_368.5478])
def test_a_repeat_of_the_largest_amounts_is_compared_with_the_stored_event(tmp_path, amount):
    with opened(tmp_path, id_window=timedelta(0)) as embedded:
        load(embedded, [event(amount=amount)])
        assert load(embedded, [event(amount=amount)]).conflicts == 0
        assert load(embedded, [event(amount=0)]).conflicts == 1
        (conflict,) = embedded.store.rows("SELECT toFloat64(kept) AS kept, repeated FROM conflicts")
        assert conflict == {"kept": amount, "repeated": "0"}


def test_a_refund_takes_away_whatever_its_sign_also_beside_an_event_that_is_dated_ahead(tmp_path):
    now_us = system_clock()
    at, ahead = (from_us(now_us + s * 1_000_000).isoformat() for s in (-60, 3600))
    with Embedded(Settings(tmp_path, handle_key=KEY), clock=lambda: now_us) as embedded:
        edge = embedded.edge()
        lines = [event(at=at), event("y", at, "web.refund", amount=-2.5), event("z", ahead, "web.click")]
        embedded.load([edge.pack(lines, topic="t", now_us=now_us)])
        for view in ("standings", "journeys", "journeys_at(at = now64(6))"):
            assert embedded.store.rows(f"SELECT toString(revenue['EUR']) AS eur, touches FROM {view}") == [
                {"eur": "7.5", "touches": 2}
            ]


def test_conflicts_follow_a_rotation_of_the_key_and_go_with_an_erasure(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, [event(), event(amount=99), event("y", handles={"cookie": "d"})])
    rotated = KEY + KEY[::-1]
    with Embedded(Settings(tmp_path, handle_key=rotated), clock=lambda: NOW_US) as embedded:
        rotate(embedded)
        assert load(embedded, [event(at="2020-01-01T00:00:00Z")]).conflicts == 1
        known = embedded.store.rows("SELECT DISTINCT event, handle FROM conflicts")
        assert known == embedded.store.rows("SELECT event, handle FROM interactions WHERE id = 'x'")
        forget(embedded, known[0]["handle"])
        assert embedded.store.rows("SELECT * FROM conflicts") == []
        assert [check for check in verify(embedded) if check.drift] == []
