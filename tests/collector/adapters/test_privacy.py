"""No value of a body is in what is said about it, wherever it stands; nor in what is kept, but for handles."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.segment import default_mapping
from schemas.webhook import bundled
from streams.collector.adapters import Malformed
from streams.collector.adapters.activities import Activities
from streams.collector.adapters.segment import Segment
from streams.collector.adapters.webhook import Webhooks
from streams.edge import Edge
from tests.collector.adapters.edge import KEY, RECEIVED_US, branded, encoded, request
from tests.collector.adapters.test_activities import ACTIVITY, DOINGS
from tests.collector.adapters.test_segment import CALL, ORDER
from tests.collector.adapters.test_webhooks import DELIVERY, ORDERED, PAID, POSTED

PLANTED = "zelda.secret@example.com"
SEGMENT, ACTIVITIES, WEBHOOKS = Segment(default_mapping()), Activities(), Webhooks(bundled(), {})
MAPPINGS = bundled()
NAMES = sorted(MAPPINGS)
# Ids are the sender's, and kept as they are; these are what ids are made of.
IDS = {"id", "@id", "messageId", "event_id", "code", "ticket", "rating", "time", "created_at", "refund_ids"}


def planted(value, here):
    """Return the value with the planted address for each text, or key, that `here` says."""
    if isinstance(value, dict):
        return {
            (key if key in IDS else PLANTED if here() else key): item if key in IDS else planted(item, here)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [planted(item, here) for item in value]
    return PLANTED if isinstance(value, str) and here() else value


def said(adapter, asked):
    """Return all that is told and kept of a request, and not hashed."""
    try:
        items = adapter.translate(asked)
    except Malformed as malformed:
        return malformed.pointer + malformed.detail
    told = "".join(item.pointer + item.reason + item.detail + item.left_out for item in items)
    lines = [branded(item.line) for item in items if item.line is not None]
    frame = Edge(KEY).pack(lines, topic="t", now_us=RECEIVED_US)
    told += str(frame.letters.to_pylist()) + str(frame.events.drop_columns(["id", "cause"]).to_pylist())
    return told


def check(adapter, path, body, random):
    body = planted(body, lambda: random.random() < 0.3)
    name = path.rpartition("/")[2]
    data = encoded(MAPPINGS[name], body) if name in MAPPINGS else json.dumps(body).encode()
    assert "zelda" not in said(adapter, request(path, data, headers=PAID | ORDERED | POSTED))


@settings(max_examples=100)
@given(CALL | st.just(ORDER), st.randoms(use_true_random=False))
def test_of_a_call_nothing_personal_is_told_or_kept(body, random):
    check(SEGMENT, "/v1/track", body, random)


@settings(max_examples=100)
@given(ACTIVITY | st.sampled_from([body for body, _ in DOINGS.values()]), st.randoms(use_true_random=False))
def test_of_an_activity_nothing_personal_is_told_or_kept(body, random):
    check(ACTIVITIES, "/v1/activities", body, random)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(DELIVERY, st.randoms(use_true_random=False))
def test_of_a_delivery_nothing_personal_is_told_or_kept(name, body, random):
    check(WEBHOOKS, f"/v1/webhooks/{name}", body, random)


@pytest.mark.parametrize("key", ["name ", " Name", "\uff4e\uff41\uff4d\uff45", "NAME", "na\u0301me"])
def test_a_name_in_any_spelling_is_kept_of_things_alone(key):
    track = {"event": "Product Viewed", "userId": "u", "messageId": "m", "timestamp": "2026-10-17T12:00:00Z"}
    for thing, kept in (({}, False), ({"sku": "s-1"}, True)):
        body = {**track, "properties": {"deep": {key: "Jeanne Dupont"} | thing}}
        (item,) = SEGMENT.translate(request("/v1/track", json.dumps(body).encode()))
        assert (b"Jeanne" in item.line) is kept
