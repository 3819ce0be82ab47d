"""Describes the adapters' paths as OpenAPI 3.1; their answers are components of the collector's document."""

from typing import Any

from schemas.webhook import bundled
from streams.collector.adapters.activities import Activities
from streams.collector.adapters.segment import SegmentSettings
from streams.collector.adapters.webhook import Webhooks

__all__ = ["adapter_paths"]

_FAILURES = ("400", "401", "403", "404", "405", "408", "413", "415", "422", "429", "431", "503")
_PROBLEM = "application/problem+json"


_CALLS: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u-104", "anonymousId": "a-81f2", "traits": {"email": "ann.lee@example.com"}},
    "track": {"userId": "u-104", "event": "Product Viewed", "properties": {"product_id": "popcorn"}},
    "page": {"anonymousId": "a-81f2", "context": {"page": {"path": "/snacks"}}},
    "screen": {"anonymousId": "a-81f2", "name": "Snacks"},
    "group": {"userId": "u-104", "groupId": "film-club"},
    "alias": {"userId": "u-104", "previousId": "a-81f2"},
}
_LIKE: dict[str, Any] = {
    "@context": "https://www.w3.org/ns/activitystreams",
    "type": "Like",
    "id": "https://social.example/likes/1",
    "actor": "https://social.example/users/ann",
    "object": "https://social.example/notes/1",
    "published": "2026-10-17T17:47:00+02:00",
}
_DELIVERY = {"type": "payment.updated", "data": {"object": {"payment": {"id": "p-1", "status": "COMPLETED"}}}}


def adapter_paths() -> dict[str, Any]:
    """Return the path items; the short names that Segment's SDKs use for the same are not among them."""
    batch = {"batch": [{"type": name} | call for name, call in _CALLS.items()]}
    return {
        **{
            f"/v1/{name}": {"post": _segment(name, f"Take a call of Segment's API: {name}", call)}
            for name, call in _CALLS.items()
        },
        "/v1/batch": {"post": _segment("batch", "Take a batch of calls of Segment's API", batch)},
        SegmentSettings.routes[0]: {"get": _settings()},
        Activities.routes[0]: {"post": _activities()},
        Webhooks.routes[0]: {"get": _challenge(), "post": _webhook()},
    }


def _segment(name: str, summary: str, example: Any) -> dict[str, Any]:
    results = _results("success", "rejected")
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    said = {
        "200": _json("The log has all that is not told as rejected", results),
        "400": _json("Every call was rejected, or there are none", results),
    }
    said["400"]["content"][_PROBLEM] = problem
    return _operation(f"segment_{name}", summary, said) | _body("application/json", example)


def _settings() -> dict[str, Any]:
    said = {"200": _json("Where to send with this key", {"type": "object"})}
    named = _named("The write key", [])
    return (
        _operation("segment_settings", "What analytics.js asks its CDN for", said) | named | {"security": []}
    )


def _activities() -> dict[str, Any]:
    said = {"202": {"$ref": "#/components/responses/Accepted"}}
    summary = "Take ActivityStreams 2.0: an activity, a list or a collection"
    return _operation("activities", summary, said) | _body("application/activity+json", _LIKE)


def _webhook() -> dict[str, Any]:
    said = {"200": _json("What became of the events that the delivery told of", _results())}
    named = _named("Whose mapping: a bundled one, or one of your own", sorted(bundled()))
    about = _operation("webhook", "Take a delivery of a provider, signed by it", said)
    return about | named | _body("application/json", _DELIVERY)


def _challenge() -> dict[str, Any]:
    said = {
        "200": {"description": "The challenge", "content": {"text/plain": {"schema": {"type": "string"}}}}
    }
    named = _named("Of a provider that asks", ["facebook", "instagram", "whatsapp"])
    return (
        _operation("webhook_challenge", "Answer a provider that asks whether the address is ours", said)
        | named
    )


def _operation(name: str, summary: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return an operation; failures that all have in common are the collector's."""
    failures = {status: {"$ref": f"#/components/responses/{status}"} for status in _FAILURES}
    return {"operationId": name, "summary": summary, "responses": failures | said}


def _body(kind: str, example: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": {}, "example": example}}}}


def _named(description: str, examples: list[str]) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1} | ({"examples": examples} if examples else {})
    named = {"in": "path", "name": "name", "required": True, "description": description, "schema": schema}
    return {"parameters": [named]}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _results(*required: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}
    count = {"type": "integer", "minimum": 0}
    properties = {"items": items, "success": {"type": "boolean"}, "rejected": count}
    return {"type": "object", "required": ["items", *required], "properties": properties}
