"""The adapters in the published API: their paths are served, and whatever it lets one ask is answered as it says."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from schemas.webhook import bundled
from streams.collector.adapters.openapi import adapter_paths
from streams.collector.openapi import openapi
from tests.collector.server import Collector
from tests.fixtures.servers.process import wait_until

OWN = {**openapi(), "paths": adapter_paths()}
API = schemathesis.openapi.from_dict(OWN)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    collector = Collector(tmp_path_factory.mktemp("adapters"), "collector")
    try:
        key = collector.key("all", "--brand", "lumiere", "--channel", "*", "--channel", "identity")
        collector.start()
        wait_until(
            lambda: collector.send([], key, kind="application/json").status == 202,
            10,
            "the key",
            every_s=0.05,
        )
        yield collector, key
    finally:
        collector.kill()


@API.parametrize()
@settings(max_examples=15, suppress_health_check=list(HealthCheck), derandomize=True)
def test_whatever_the_document_lets_one_ask_is_answered_as_it_says(case, served):
    collector, key = served
    answer = case.call(base_url=collector.url, headers={"authorization": f"Bearer {key}"})
    case.validate_response(answer, checks=CHECKS)


@pytest.mark.parametrize("path", [path for path in adapter_paths() if "{" not in path])
def test_the_example_of_the_document_is_accepted(served, path):
    collector, key = served
    ((kind, shown),) = adapter_paths()[path]["post"]["requestBody"]["content"].items()
    found = collector.send(json.dumps(shown["example"]).encode(), key, path=path, kind=kind)
    assert {item["status"] for item in found.json["items"]} <= {"accepted", "duplicate"}, found


@pytest.mark.parametrize("path", adapter_paths())
def test_nobody_without_a_key_is_answered(served, path):
    collector, _ = served
    for method in adapter_paths()[path]:
        answer = collector.ask(
            method.upper(), path.replace("{name}", "square"), b"{}", {"content-type": "application/json"}
        )
        assert answer.status == 401, answer


def test_a_delivery_that_nobody_signed_is_not_believed(served):
    collector, key = served
    for name in (name for name, mapping in bundled().items() if mapping.signature.scheme != "none"):
        answer = collector.send({}, key, path=f"/v1/webhooks/{name}")
        assert (answer.status, answer.json["type"]) == (401, "urn:journey:problem:unverified")


def test_a_browser_is_told_where_to_send(served):
    collector, key = served
    answer = collector.get(f"/v1/projects/{key}/settings")
    assert answer.json["integrations"]["Segment.io"]["apiHost"] == f"127.0.0.1:{collector.port}/v1"


def test_a_rejection_points_into_what_was_sent(served):
    collector, key = served
    batch = [
        {"type": "page", "userId": "u"},
        {"type": "page"},
        7,
        {"type": "page", "userId": "u", "timestamp": "soon"},
    ]
    answer = collector.send({"batch": batch}, key, path="/v1/batch", kind="application/json")
    assert (answer.status, answer.json["success"], answer.json["rejected"]) == (200, False, 3)
    told = [(item.get("pointer"), item.get("reason")) for item in answer.json["items"]]
    assert told == [
        (None, None),
        ("/batch/1", "no_handle"),
        ("/batch/2", "not_json"),
        ("/batch/3", "bad_time"),
    ]
    assert "/data/handles" in answer.json["items"][1]["detail"]
