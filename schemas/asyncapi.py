"""Generates the AsyncAPI 3 document of the Kafka topics from `topics.toml` and the event contract."""

from typing import Any

from journey.channel import CHANNELS
from journey.stage import Stage
from schemas.event import event_json_schema
from schemas.topics import ALERTS, DEAD_LETTERS, EVENTS_IN, STAGES, Topic, topics

__all__ = ["asyncapi"]

_KAFKA_BINDING = "0.5.0"
_FRAME = "application/vnd.journey.frame.v1"  # streams.log.frame: a checksum and Arrow IPC, read by our own processes only

_LETTER: dict[str, Any] = {
    "reason": {"type": "string", "description": "Code of the reason"},
    "detail": {"type": "string", "description": "Where in the event, and what is allowed"},
    "topic": {"type": "string", "description": "File or topic it came from"},
    "topic_partition": {"type": "integer", "description": "Partition there; 0 for a file"},
    "topic_offset": {"type": "integer", "description": "Offset there; line number, from 1, for a file"},
    "bytes": {"type": "string", "description": "The original, with values of handles hashed"},
    "received": {"type": "string", "format": "date-time", "description": "When it came"},
}


def asyncapi() -> dict[str, Any]:
    """Return the document; `prefix` is that of JOURNEY_TOPIC_PREFIX."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Customer Journey Engine: topics",
            "version": "1",
            "description": "Applications send to events.in and may read dead-letters and alerts; all other topics are between our"
            " own processes.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics()},
        "operations": {
            f"{action}.{topic.name}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{_escaped(topic.name)}"},
                "summary": f"By {who}",
            }
            for topic in topics()
            for action, who in (("send", ", ".join(topic.writers)), ("receive", topic.reader))
        },
        "components": {"messages": _messages()},
    }


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _channel(topic: Topic) -> dict[str, Any]:
    kafka: dict[str, Any] = {
        "topic": topic.name,
        "topicConfiguration": {name: _configured(name, value) for name, value in topic.config.items()},
        "bindingVersion": _KAFKA_BINDING,
    }
    if topic.partitions is not None:
        kafka["partitions"] = topic.partitions
    ours = {
        EVENTS_IN: ("event", "binaryEvent"),
        DEAD_LETTERS: ("deadLetter",),
        ALERTS: ("alert",),
        STAGES: ("stageChange",),
    }
    names = ours.get(topic.name, ("frame",))
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in names}
    return {
        "address": topic.name,
        "description": f"{topic.about}. Key: {topic.key}.",
        "messages": messages,
        "bindings": {"kafka": kafka},
    }


def _configured(name: str, value: str) -> Any:
    """Return a setting of a topic as the binding has it: numbers as numbers, policies as a list."""
    if name == "cleanup.policy":
        return value.split(",")
    return int(value) if value.lstrip("-").isdigit() else value


def _alert() -> dict[str, Any]:
    """Return the message of the topic alerts, the same as a webhook's."""
    text = {"type": "string"}
    data = dict.fromkeys(("alert", "state", "severity", "brand", "direction", "since", "headline"), text)
    properties = {"id": text, "type": text, "timestamp": text, "data": {"type": "object", "properties": data}}
    return {
        "name": "alert",
        "title": "A change of an alert; a repeat has the same id",
        "contentType": "application/json",
        "payload": {"type": "object", "required": list(properties), "properties": properties},
    }


def _stage_change() -> dict[str, Any]:
    """Return the message of the topic stages, the same as a receiver of the feed gets."""
    text = {"type": "string"}
    stage = {"enum": [stage.label for stage in Stage]}
    data: dict[str, Any] = dict.fromkeys(("brand", "customer", "model", "announced_at"), text) | {
        "from": stage,
        "to": stage,
    }
    data |= {
        "reason": {"enum": ["evidence", "lapse", "identity", "model"]},
        "channel": {"enum": [*CHANNELS, None]},
    }
    attributes = (
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "sequence",
        "cursor",
    )
    properties = dict.fromkeys(attributes, text) | {
        "data": {"type": "object", "required": list(data), "properties": data}
    }
    return {
        "name": "stageChange",
        "title": "A change of stage; a repeat has the same source and id",
        "contentType": "application/cloudevents+json",
        "payload": {"type": "object", "required": list(properties), "properties": properties},
    }


def _messages() -> dict[str, Any]:
    event = event_json_schema()
    data = event["$defs"]["InteractionV1"]
    return {
        "event": {
            "name": "event",
            "title": "An event, CloudEvents structured mode",
            "contentType": "application/cloudevents+json",
            "payload": {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": event},
        },
        "binaryEvent": {
            "name": "binaryEvent",
            "title": "An event, CloudEvents binary mode: headers ce_… are its attributes",
            "contentType": "application/json",
            "headers": {
                "type": "object",
                "required": ["ce_id", "ce_source", "ce_type", "ce_time"],
                "properties": {
                    f"ce_{name}": {"type": "string"}
                    for name in ("specversion", "id", "source", "type", "time")
                },
            },
            "payload": {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": data},
        },
        "deadLetter": {
            "name": "deadLetter",
            "title": "An event that was refused",
            "contentType": "application/json",
            "payload": {"type": "object", "required": list(_LETTER), "properties": _LETTER},
        },
        "frame": {
            "name": "frame",
            "title": "Rows behind the edge, of one partition",
            "contentType": _FRAME,
            "payload": {"type": "string", "format": "binary"},
        },
        "alert": _alert(),
        "stageChange": _stage_change(),
    }
