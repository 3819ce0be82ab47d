"""Generates the collector's OpenAPI 3.1 document from the same declarations that the code runs by."""

import json
from functools import cache
from typing import Any

from schemas.event import event_json_schema
from streams.collector import cloudevents_http
from streams.collector.adapters.openapi import adapter_paths
from streams.collector.limits import LIMITS, MAX_ITEMS
from streams.edge import REASONS
from streams.http.problems import CONTENT_TYPE, PROBLEMS

__all__ = ["openapi", "openapi_text"]

_EXAMPLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "48213",
    "source": "https://shop.example",
    "type": "web.product_view",
    "time": "2026-10-17T17:47:00+02:00",
    "data": {"brand": "lumiere", "handles": {"cookie": "c-81f2"}, "product": "popcorn"},
}
_ATTRIBUTES = {
    "ce-specversion": "Always 1.0",
    "ce-id": "Unique within source; the same id again is the same event",
    "ce-source": "Who says so",
    "ce-type": "<area>.<verb>",
    "ce-time": "When it happened, RFC 3339 with an offset",
}
_SECURITY = {
    "basic": {"type": "http", "scheme": "basic", "description": "The write key as user; any password"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The write key as token"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
    "query": {
        "type": "apiKey",
        "in": "query",
        "name": "writeKey",
        "description": "For pages that are left (sendBeacon has no headers)",
    },
}
_ABOUT = (
    "Events of a customer's journey. 202 means that the log has every item that is told as accepted or duplicate;"
    " sending the same event again is always harmless. A batch with one bad event keeps the good ones."
)


@cache
def openapi_text() -> str:
    """Return the document as it is served and committed."""
    return json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"


def openapi() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Customer Journey Engine: collector",
            "version": "1",
            "description": _ABOUT + "\n\nLimits:\n\n" + "\n".join(_limits()),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in _SECURITY],
        "paths": {
            cloudevents_http.PATH: {"post": _post()},
            **adapter_paths(),
            "/health": {"get": _asked("health", "Whether the collector is alive and its log takes events")},
            "/ready": {"get": _asked("ready", "Whether it can take events")},
        },
        "components": {
            "securitySchemes": _SECURITY,
            "schemas": _schemas(),
            "responses": _responses(),
            "headers": {
                "Retry-After": {
                    "description": "Whole seconds after which to try again",
                    "schema": {"type": "integer", "minimum": 1},
                }
            },
        },
    }


def _limits() -> list[str]:
    return [f"- {limit.about}: {limit.value} — {limit.over}" for limit in LIMITS]


def _post() -> dict[str, Any]:
    event = {"$ref": "#/components/schemas/Event"}
    batch = {"type": "array", "items": event, "maxItems": MAX_ITEMS}
    parameters = [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": f"{text}. Binary mode only: the body is then `data`, as application/json.",
            "schema": {"type": "string"},
        }
        for name, text in _ATTRIBUTES.items()
    ]
    return {
        "operationId": "publish",
        "summary": "Take one event or several",
        "parameters": parameters,
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": event, "example": _EXAMPLE},
                "application/cloudevents-batch+json": {"schema": batch, "example": [_EXAMPLE]},
                "application/json": {
                    "schema": {"oneOf": [event, batch, {"$ref": "#/components/schemas/Interaction"}]},
                    "example": _EXAMPLE,
                },
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "One event a line"},
                    "example": json.dumps(_EXAMPLE) + "\n",
                },
            },
        },
        "responses": {"202": {"$ref": "#/components/responses/Accepted"}}
        | {str(int(status)): {"$ref": f"#/components/responses/{int(status)}"} for status in _statuses()},
    }


def _asked(name: str, summary: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/State"}}}
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": "Yes", "content": content},
            "503": {
                "description": "No; programs on the same machine are told why, and JOURNEY_WEB_PORT tells operators",
                "content": content,
            },
        },
    }


def _statuses() -> list[int]:
    return sorted({int(status) for status, _ in PROBLEMS.values()})


def _responses() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Results"}
    accepted = {
        "description": "The log has all that is not rejected",
        "content": {"application/json": {"schema": schema}},
    }
    return {"Accepted": accepted} | {str(status): _problem(status) for status in _statuses()}


def _problem(status: int) -> dict[str, Any]:
    codes = {code: text for code, (of, text) in PROBLEMS.items() if of == status}
    told: dict[str, Any] = {
        "description": "; ".join(f"`{code}`: {text}" for code, text in codes.items()),
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if codes.keys() & {"rate", "busy"}:
        told["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return told


def _schemas() -> dict[str, Any]:
    event = event_json_schema()
    interaction = event.pop("$defs")["InteractionV1"]
    event.pop("$schema")
    event["properties"]["data"] = {"$ref": "#/components/schemas/Interaction"}
    text, number, count = {"type": "string"}, {"type": "integer"}, {"type": "integer", "minimum": 0}
    item = {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {
                "enum": ["accepted", "duplicate", "rejected", "passed_over"],
                "description": "passed_over: no event of a customer, and no fault; it is counted and not kept",
            },
            "reason": text
            | {
                "description": "; ".join(f"{name}: {why}" for name, why in REASONS.items())
                + "; of what is passed over, a name of the webhook's mapping, or no_event"
            },
            "pointer": text
            | {"description": "JSON pointer into the body (of NDJSON: into the array of its lines)"},
            "linked": {
                "const": False,
                "description": "The event is in the log; the write key makes no links, and the handles that it names besides"
                " its first are not kept",
            },
            "detail": text,
        },
    }
    sentences = {"type": "array", "items": text}
    results = {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}}
    counts = {"accepted": count, "duplicates": count, "rejected": count}
    problem = {"type": text, "title": text, "status": number, "detail": text, "pointer": text}
    return {
        "Event": event,
        "Interaction": interaction,
        "Item": item,
        "Results": {"type": "object", "required": [*counts, "items"], "properties": counts | results},
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": problem | counts | results,
        },
        "State": {
            "type": "object",
            "required": ["status"],
            "properties": {
                "status": {"enum": ["ok", "degraded", "waiting", "ready", "not ready", "not ok"]},
                "reasons": sentences
                | {"description": "Why it is not well; for a program on the same machine"},
                "degraded": sentences
                | {"description": "What does not work as it should while events are taken; likewise"},
                "lag_frames": {"type": "integer", "description": "Frames that wait in the log; likewise"},
            },
        },
    }
