"""journey load: every event is accounted for, whatever it comes in."""

import gzip
import io
import json
import sys

import pytest
import zstandard

from tests.cli.conftest import event

EVENTS = [event(i, time=f"2026-11-01T12:{i:02d}:00Z") for i in range(10)]


def books(answer):
    return answer["input"], answer["accepted"], answer["duplicates"], answer["dead_letters"]


def test_a_second_load_of_the_same_file_adds_nothing(journey, write):
    path = str(write(*EVENTS))
    assert books(journey.json("load", path)) == (10, 10, 0, 0)
    assert books(journey.json("load", path)) == (10, 0, 10, 0)
    assert journey.rows("SELECT count() AS n, uniqExact(event) AS u FROM interactions") == [
        {"n": 10, "u": 10}
    ]


@pytest.mark.parametrize("suffix", [".ndjson", ".json", ".ndjson.gz", ".json.gz", ".ndjson.zst", ".json.zst"])
def test_lines_arrays_and_compressed_files_are_read(journey, tmp_path, suffix):
    text = json.dumps(EVENTS, indent=1) if ".json" in suffix else "\n".join(map(json.dumps, EVENTS))
    pack = {"gz": gzip.compress, "zst": zstandard.compress}.get(suffix.rpartition(".")[2], bytes)
    path = tmp_path / f"events{suffix}"
    path.write_bytes(pack(text.encode()))
    assert books(journey.json("load", str(path))) == (10, 10, 0, 0)


def test_a_json_file_may_hold_lines_or_one_event(journey, write):
    assert books(journey.json("load", str(write(*EVENTS, name="lines.json")))) == (10, 10, 0, 0)
    one = json.dumps(event("one"), indent=2)
    assert books(journey.json("load", str(write(one, name="one.json")))) == (1, 1, 0, 0)


def test_standard_input_is_read_line_by_line(journey, monkeypatch):
    lines = io.BytesIO("\n".join(map(json.dumps, EVENTS)).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(lines))
    assert books(journey.json("load", "-")) == (10, 10, 0, 0)
    assert journey.rows("SELECT topic FROM deliveries") == [{"topic": "stdin"}]


def test_what_is_no_event_becomes_a_dead_letter_with_reason_file_and_line(journey, write):
    path = write(event(1), "{broken", "", event(2, handles={"cookie": "null"}), event(3))
    answer = journey.json("load", str(path))
    assert books(answer) == (4, 2, 0, 2)
    assert answer["dead_letters_by_reason"] == {"not_json": 1, "no_handle": 1}
    letters = journey.rows("SELECT reason, topic, topic_offset FROM dead_letters ORDER BY topic_offset")
    assert letters == [
        {"reason": "not_json", "topic": str(path), "topic_offset": 2},
        {"reason": "no_handle", "topic": str(path), "topic_offset": 3},
    ]


def test_a_line_of_many_megabytes_is_one_dead_letter(journey, write):
    path = write(event(1), '{"x": "' + "x" * 9_000_000 + '"}', event(2))
    assert books(journey.json("load", str(path))) == (3, 2, 0, 1)


def test_a_missing_or_damaged_file_is_told_in_one_line_and_what_came_before_stays(journey, tmp_path):
    journey("load", str(tmp_path / "nothing.ndjson"), code=2)
    assert "cannot read" in journey.errors
    damaged = tmp_path / "cut.ndjson.gz"
    damaged.write_bytes(gzip.compress("\n".join(map(json.dumps, EVENTS)).encode())[:-20])
    journey("load", str(damaged), code=2)
    assert "cut.ndjson.gz" in journey.errors
    assert "Traceback" not in journey.errors


def test_events_of_any_past_time_are_welcome_and_the_future_is_not(journey, write):
    times = ["1900-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2099-01-01T00:00:00Z", "1899-12-31T00:00:00Z"]
    answer = journey.json("load", str(write(*[event(i, time=time) for i, time in enumerate(times)])))
    assert answer["dead_letters_by_reason"] == {"time_ahead": 1, "time_too_old": 1}
    assert journey.rows("SELECT toString(minute) AS m, touches FROM touches_by_minute ORDER BY minute") == [
        {"m": "1900-01-01 00:00:00", "touches": 1},
        {"m": "1969-12-31 23:59:00", "touches": 1},
    ]


def test_an_import_is_a_select_with_parameters(journey, tmp_path):
    query = tmp_path / "import.sql"
    query.write_text(
        "SELECT toString(number) AS id, 'shop' AS source, 'store.purchase' AS type,"
        " toDateTime('2026-11-01 10:00:00', 'UTC') + number AS time, {brand:String} AS brand,"
        " map('loyalty', [toString(100 + number % 3)]) AS handles, number + 0.25 AS amount, 'EUR' AS currency,"
        " NULL AS rating, '' AS place FROM numbers(9)"
    )
    answer = journey.json("load", "--sql", str(query), "--param", "brand=acme")
    assert books(answer) == (9, 9, 0, 0)
    assert journey.rows("SELECT brand, sum(amount) AS amount FROM interactions GROUP BY brand") == [
        {"brand": "acme", "amount": 38.25}
    ]
    assert books(journey.json("load", "--sql", str(query), "--param", "brand=acme")) == (9, 0, 9, 0)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT 1 AS idd", "idd"),
        ("SELECT nothing FROM nowhere", "nowhere"),
        ("SELECT {x:String} AS id", "x"),
    ],
)
def test_a_select_that_cannot_be_used_says_why(journey, tmp_path, query, says):
    path = tmp_path / "bad.sql"
    path.write_text(query)
    journey("load", "--sql", str(path), code=2)
    assert says in journey.errors
    assert "Traceback" not in journey.errors


def test_load_asks_for_files_or_a_select(journey):
    journey("load", code=2)
    assert "--sql" in journey.errors
    journey("load", "x.ndjson", "--param", "a=b", code=2)
    assert "--param" in journey.errors
