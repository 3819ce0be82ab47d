"""The published API: what is committed is what runs, requests made from it are answered as it says."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from schemas.asyncapi import asyncapi
from schemas.topics import topics
from streams.collector import reference
from streams.collector.limits import LIMITS
from streams.collector.openapi import openapi, openapi_text
from streams.edge import REASONS
from streams.http.problems import PROBLEMS
from tests.collector.server import event

ROOT = Path(__file__).parents[2]
API = schemathesis.openapi.from_dict(openapi())
EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def test_the_committed_document_is_what_the_code_generates():
    assert (ROOT / "schemas" / "openapi.json").read_text() == openapi_text(), "run `journey schema export`"


def test_the_limits_in_the_documentation_are_those_of_the_code():
    text = (ROOT / reference.PAGE).read_text()
    assert reference.filled(text) == text, "run: python -m streams.collector.reference"
    assert all(limit.about in text for limit in LIMITS)
    assert all(f"`{code}`" in text for code in (*PROBLEMS, *REASONS))


def test_every_reference_in_the_documents_leads_somewhere():
    for made in (openapi(), asyncapi()):
        text = json.dumps(made)
        for pointer in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
            if pointer.startswith("$defs/"):
                continue  # inside of a schema that stands for itself
            place = made
            for part in pointer.split("/"):
                place = place[part.replace("~1", "/").replace("~0", "~")]


def test_the_documents_are_valid():
    API.validate()
    for schema in openapi()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    channels = asyncapi()["channels"]
    assert set(channels) == {topic.name for topic in topics()}
    assert {
        operation["channel"]["$ref"].rpartition("/")[2] for operation in asyncapi()["operations"].values()
    } == set(channels)


def test_it_is_served_as_it_is_committed_and_as_a_page_without_anything_from_elsewhere(shared):
    assert shared.get("/openapi.json").body.decode() == openapi_text()
    page = shared.get("/docs")
    assert page.status == 200
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Reader().feed(page.body.decode())
    assert {"script", "link", "img", "iframe"}.isdisjoint(tag for tag, _ in found)
    assert [attrs["href"] for tag, attrs in found if tag == "a"] == ["openapi.json"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["event", "apath", "openapi", "asyncapi"])
def test_a_command_prints_each_of_them(shared, name):
    file = next(path for path in (ROOT / "schemas").glob(f"{name}*.json"))
    assert shared.run("schema", "show", name) == file.read_text()


def test_the_example_of_the_document_is_accepted(shared, key):
    content = openapi()["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    for kind, shown in content.items():
        example = json.loads(
            json.dumps(shown["example"]).replace("2026-10-17T17:47:00+02:00", event()["time"])
        )
        body = example.encode() if isinstance(example, str) else json.dumps(example).encode()
        body = body.replace(b"2026-10-17T17:47:00+02:00", event()["time"].encode())
        assert shared.send(body, key, kind=kind).status == 202, kind


@schemathesis.serializer("application/x-ndjson")
def as_text(_context, value):
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@API.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), derandomize=True)
def test_whatever_the_document_lets_one_ask_is_answered_as_it_says(case, shared, key):
    answer = case.call(base_url=shared.url, headers={"authorization": f"Bearer {key}"})
    case.validate_response(answer, checks=CHECKS)
