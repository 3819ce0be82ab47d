"""The adapters' paths as OpenAPI 3.1; what they answer is among the components of the collector's document."""

from typing import Any

from schemas.webhook import bundled
from streams.adapters.activities import Activities
from streams.adapters.calls import CALLS
from streams.adapters.segment import SegmentSettings
from streams.adapters.webhook import Webhooks

__all__ = ["adapter_paths"]

_FAILURES = ("400", "401", "403", "404", "405", "408", "413", "415", "422", "429", "431", "503")
_PROBLEM = "application/problem+json"


def adapter_paths() -> dict[str, Any]:
    """Return the path items; the short names that Segment's SDKs use for the same are not among them."""
    return {
        **{
            f"/v1/{name}": {"post": _segment(name, f"Take a call of Segment's API: {name}")} for name in CALLS
        },
        "/v1/batch": {"post": _segment("batch", "Take a batch of calls of Segment's API")},
        SegmentSettings.routes[0]: {"parameters": [_named([])], "get": _settings()},
        Activities.routes[0]: {"post": _activities()},
        Webhooks.routes[0]: {"parameters": [_named(sorted(bundled()))], "post": _webhook()},
    }


def _segment(name: str, summary: str) -> dict[str, Any]:
    results = _results("success", "rejected")
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    said = {
        "200": _json("The log has all that is not told as rejected", results),
        "400": _json("Every call was rejected, or there are none", results),
    }
    said["400"]["content"][_PROBLEM] = problem
    return _operation(f"segment_{name}", summary, said, "application/json")


def _settings() -> dict[str, Any]:
    said = {"200": _json("Where to send with this key", {"type": "object"})}
    summary = "What analytics.js asks its CDN for; the name is the write key"
    return _operation("segment_settings", summary, said) | {"security": []}


def _activities() -> dict[str, Any]:
    said = {"202": {"$ref": "#/components/responses/Accepted"}}
    summary = "Take ActivityStreams 2.0: an activity, a list or a collection"
    return _operation("activities", summary, said, "application/activity+json")


def _webhook() -> dict[str, Any]:
    said = {"200": _json("What became of the events that the delivery told of", _results())}
    return _operation("webhook", "Take a delivery of a provider", said, "application/json")


def _operation(name: str, summary: str, said: dict[str, Any], kind: str = "") -> dict[str, Any]:
    """Return an operation; failures that all have in common are the collector's."""
    failures = {status: {"$ref": f"#/components/responses/{status}"} for status in _FAILURES}
    about = {"operationId": name, "summary": summary, "responses": failures | said}
    if kind:
        about["requestBody"] = {"required": True, "content": {kind: {"schema": {}}}}
    return about


def _named(examples: list[str]) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1} | ({"examples": examples} if examples else {})
    return {"in": "path", "name": "name", "required": True, "schema": schema}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _results(*required: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
    count = {"type": "integer", "minimum": 0}
    properties = {"items": items, "success": {"type": "boolean"}, "rejected": count}
    return {"type": "object", "required": ["items", *required], "properties": properties}
