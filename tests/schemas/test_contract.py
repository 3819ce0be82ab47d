"""The contract, said three times (pydantic, JSON Schema, the edge): each example is judged alike by all of them."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import ValidationError

from schemas.event import event_v1
from schemas.export import artefacts, write
from streams.edge import REASONS, Edge
from streams.edge.personal_forms import hidden
from streams.edge.texts import Hiding

KEY = b"keys" * 8

SCHEMAS = Path(__file__).parents[2] / "schemas"
VALID = sorted((SCHEMAS / "examples" / "valid").glob("*.json"))
INVALID = sorted((SCHEMAS / "examples" / "invalid").glob("*.json"))
NOW_US = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000

# What a JSON Schema cannot say: it knows no clock, no list of nobodies, no sums and no sizes in bytes; it does
# not look into base64, nor at when there may be a second 60.
BEYOND_JSON_SCHEMA = {
    "bad_time_second_60_at_noon",
    "bad_value_data_base64",
    "bad_value_data_base64_of_xml",
    "no_handle_anonymous",
    "no_handle_null",
    "no_handle_zeros",
    "time_ahead_days",
    "time_ahead_millennia",
    "time_too_old_1899",
    "time_too_old_year_one",
    "too_large_event",
    "too_large_properties",
    "too_many_handles_of_all_kinds",
}

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def is_date_time(value):
    if isinstance(value, str):
        datetime.fromisoformat(re.sub(r"(?<=:\d\d:)60", "59", value.upper()))
    return True


def schema(name):
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


JSON_SCHEMA = Draft202012Validator(schema("event.v1.schema.json"), format_checker=formats)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def line_of(example):
    return example["line"] if "line" in example else json.dumps(example["event"], ensure_ascii=False)


def edge(line):
    return Edge(KEY).pack([line.encode()], topic="examples", now_us=NOW_US)


def strictly(line):
    """The value of the line, or None where it is no JSON; unlike Python's own reader, without NaN and half surrogates."""

    def refuse(constant):
        raise ValueError(constant)

    try:
        value = json.loads(line, parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return None
    return [] if value is None else value


def by_name(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


@pytest.mark.parametrize("name", artefacts())
def test_the_committed_files_are_what_the_code_generates(name):
    assert (SCHEMAS / name).read_text(encoding="utf-8") == artefacts()[name], "run `journey schema export`"


def test_export_writes_every_file_and_says_which(tmp_path):
    paths = write(tmp_path / "new")
    assert {path.relative_to(tmp_path / "new").as_posix() for path in paths} == set(artefacts())
    for path in paths:
        assert path.read_bytes() == artefacts()[path.name].encode()
        assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("name", [name for name in artefacts() if name.endswith(".schema.json")])
def test_the_committed_schemas_are_json_schema_2020_12(name):
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema(name))


# Version 1 is a promise: these files are never changed and never taken away, and what they hold is never refused.
@by_name(VALID)
def test_a_valid_example_passes_all_three(path):
    event = read(path)
    line = json.dumps(event, ensure_ascii=False)
    assert event_v1.validate_json(line)["id"] == event["id"]
    assert not list(JSON_SCHEMA.iter_errors(event))
    frame = edge(line)
    assert frame.letters.to_pylist() == []
    row = frame.events.to_pylist()[0]
    kept = [hidden(event[name], Hiding(KEY).hash) for name in ("id", "source", "type")]
    assert [row[name] for name in ("id", "source", "type")] == kept


def test_valid_examples_are_told_apart():
    ids = [read(path)["id"] for path in VALID]
    assert len(ids) == len(set(ids))


BY_SHAPE = {
    "/data/a~1b~0c": "/data/x~1x~0x"
}  # names that a letter shows by their shape, since they may be a value


@by_name(INVALID)
def test_an_invalid_example_is_refused_by_the_edge_for_its_reason_and_at_its_place(path):
    example = read(path)
    frame = edge(line_of(example))
    assert len(frame.events) == 0
    (letter,) = frame.letters.to_pylist()
    pointer = BY_SHAPE.get(example["pointer"], example["pointer"])
    assert (letter["reason"], letter["detail"].split(": ")[0]) == (example["reason"], pointer)
    assert path.stem.startswith(example["reason"])


@by_name(INVALID)
def test_json_schema_refuses_what_it_can_say(path):
    value = strictly(line_of(read(path)))
    accepted = value is not None and JSON_SCHEMA.is_valid(value)
    assert accepted == (path.stem in BEYOND_JSON_SCHEMA)


def test_every_reason_has_an_example_and_bad_value_has_many():
    reasons = [read(path)["reason"] for path in INVALID]
    assert set(reasons) == set(REASONS) - {"not_granted"}  # that one is about the sender
    assert reasons.count("bad_value") >= 10


def test_no_example_of_version_1_was_taken_away():
    assert len(VALID) >= 35
    assert len(INVALID) >= 82


def test_every_area_of_the_default_model_and_every_field_has_a_valid_example():
    events = [read(path) for path in VALID]
    areas = {event["type"].split(".")[0] for event in events}
    assert areas >= {"social", "community", "web", "app", "store", "support", "campaign", "mail", "identity"}
    definitions = schema("event.v1.schema.json")["$defs"]["InteractionV1"]["properties"]
    assert {name for event in events for name in event["data"]} == set(definitions)
    assert {kind for event in events for kind in event["data"]["handles"]} == set(
        definitions["handles"]["propertyNames"]["enum"]
    )


def test_examples_are_files_that_people_can_read():
    for path in (*VALID, *INVALID):
        text = path.read_text(encoding="utf-8")
        assert text == json.dumps(read(path), indent=2, ensure_ascii=False) + "\n", path.name


MINIMAL = read(SCHEMAS / "examples" / "valid" / "minimal.json")


def minimal(**data):
    return MINIMAL | {"data": MINIMAL["data"] | data}


# A validator that accepts everything would pass most of the tests above.
WRONG = {
    "no object": [],
    "nothing in it": {},
    "no data": MINIMAL | {"data": None},
    "one letter too many": minimal(brannd="x"),
    "time without an offset": MINIMAL | {"time": "2026-10-17T12:00:00"},
    "a day that is not": MINIMAL | {"time": "2026-02-30T12:00:00Z"},
    "a number for a text": MINIMAL | {"id": 1},
    "handle of no kind": minimal(handles={"name": "Ann"}),
    "currency of no country": minimal(amount=1, currency="EURO"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_each_validator_refuses_bad_input_by_itself(wrong):
    assert JSON_SCHEMA.is_valid(MINIMAL)
    assert not JSON_SCHEMA.is_valid(wrong)
    assert edge(json.dumps(wrong)).letters.num_rows == 1
    with pytest.raises(ValidationError):
        event_v1.validate_json(json.dumps(wrong))


def test_amount_needs_currency_by_json_schema_and_by_the_edge():
    assert not JSON_SCHEMA.is_valid(minimal(amount=1))
    assert edge(json.dumps(minimal(amount=1))).letters.column("reason").to_pylist() == ["no_currency"]


def test_the_format_checker_checks():
    validator = Draft202012Validator({"format": "date-time"}, format_checker=formats)
    assert [validator.is_valid(t) for t in ("2026-10-17T12:00:00z", "2026-12-31T23:59:60Z")] == [True, True]
    assert [validator.is_valid(t) for t in ("2026-10-32T12:00:00Z", "noon")] == [False, False]
