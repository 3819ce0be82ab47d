"""Decodes the event that a Kafka record carries, by CloudEvents' Kafka binding, to one JSON text for the edge."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from schemas.event import MAX_EVENT_BYTES
from streams.edge.spoken import shortened
from streams.text.json_parts import BOM

__all__ = ["line_of"]

_PREFIX = "ce_"
_STRUCTURED = b"application/cloudevents"
_CONTENT_TYPE = "content-type"


def line_of(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Return the event of a record as JSON; what carries none is returned so that the edge refuses it.

    Structured: the value is the event. Binary: headers `ce_…` are its attributes, the value its `data`. Which it
    is, the content type says; without one, any header `ce_…` means binary. A record without value (a tombstone)
    is no event.
    """
    if not headers:
        return value or b""
    given = [(name, header) for name, header in headers if header is not None]
    attributes = {
        name.removeprefix(_PREFIX): _text(header) for name, header in given if name.startswith(_PREFIX)
    }
    content_type = next((header for name, header in given if name.lower() == _CONTENT_TYPE), b"")
    if not attributes or content_type.strip().lower().startswith(_STRUCTURED):
        return value or b""
    return _binary(attributes, content_type, value)


def _text(header: bytes) -> str | bool:
    """Return a header as text; False, which the contract refuses for any attribute, where it is not UTF-8."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return False


def _binary(attributes: dict[str, Any], content_type: bytes, value: bytes | None) -> bytes:
    """Put the event together as a tree, so that nothing in a header or value can pass for something else."""
    for name in ("data", "data_base64"):
        attributes.pop(name, None)
    if content_type:
        attributes["datacontenttype"] = content_type.decode("utf-8", "replace").strip()
    if value is not None:
        value = shortened(value)
        if len(value) > MAX_EVENT_BYTES:
            return value  # refused for its size, unread
        try:
            attributes["data"] = from_json(value.removeprefix(BOM))
        except ValueError:
            return value  # no JSON: refused as it came, so that what it holds is redacted as a whole
    return to_json(attributes)
