"""Version 1 is a promise: what it accepted is never refused. `schemas/compat/v1` is what it accepted when it was made.

A change that makes these tests fail would refuse events of applications that run: it is a version 2, beside this one.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.apath import default_model
from schemas.event import event_v1
from streams.edge import Edge
from tests.schemas.test_contract import JSON_SCHEMA

FOLDER = Path(__file__).parents[2] / "schemas" / "compat" / "v1"
NOW_US = int(datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
RECORDED = {
    "examples.ndjson": "1ed60de5cd84b349490a373b17aaedbd52e78b5163b1f60a2d0c848a1d32e5b2",
    "odd.ndjson": "2ddb8449b5ee3af4b80015d32ef8a8ff717ae61176d315a3f05192aafb215fe5",
    "simulated.ndjson": "6fc3a66f39d97638538aca9836c1b1e4e437787563d9700ca0ab8a44cc270f4a",
}


def lines(name):
    return (FOLDER / name).read_bytes().removesuffix(b"\n").split(b"\n")


def refused(some):
    frame = Edge(bytes(range(32)), default_model().identity.nobody).pack(some, topic="compat", now_us=NOW_US)
    places = [offset - 1 for offset in frame.letters.column("topic_offset").to_pylist()]
    return [(some[place], frame.letters.column("detail")[n].as_py()) for n, place in enumerate(places)]


@pytest.mark.parametrize("name", RECORDED)
def test_the_edge_takes_every_event_that_version_1_took(name):
    assert refused(lines(name)) == []


@pytest.mark.parametrize("name", ["examples.ndjson", "simulated.ndjson"])
def test_the_published_schema_takes_them_too(name):
    for line in lines(name):
        JSON_SCHEMA.validate(json.loads(line))


@pytest.mark.parametrize("name", RECORDED)
def test_what_was_recorded_is_never_changed(name):
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == RECORDED[name]
    assert {path.name for path in FOLDER.iterdir()} == set(RECORDED)


@pytest.mark.parametrize(
    ("before", "after"),
    [(b'"data":', b'"dada":'), (b'"time":', b'"tine":'), (b'"handles":', b'"handle":')],
)
def test_a_contract_that_asks_for_more_would_be_noticed(before, after):
    changed = [line.replace(before, after, 1) for line in lines("simulated.ndjson")]
    assert len(refused(changed)) == len(changed)
    with pytest.raises(ValidationError):
        event_v1.validate_json(changed[0])
