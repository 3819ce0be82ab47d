"""CloudEvents over HTTP: structured, batch and binary mode, and one event a line; each event stays as it was sent."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from pydantic_core import from_json, to_json

from streams.adapters import Item, Malformed, Request
from streams.collector.limits import MAX_ITEMS
from streams.collector.problems import Problem

__all__ = ["PATH", "items"]

PATH = "/v1/events"
_BATCH = "application/cloudevents-batch+json"
_STRUCTURED = "application/cloudevents+json"
_LINES = {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
_PLAIN = {"application/json", "text/json", "text/plain", ""}  # pages that are left send text/plain
_PREFIX = "ce-"
_events = msgspec.json.Decoder(list[msgspec.Raw]).decode
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def items(request: Request) -> Sequence[Item]:
    """Return the events of a body, unread.

    Raises
    ------
    Malformed
        A batch that is no array of JSON values.
    Problem
        Another content type, or too many events.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower():
        raise Problem("media_type", "events are UTF-8")
    if kind == _BATCH:
        return _batch(request.body)
    if kind in _LINES:
        return _lines(request.body)
    if kind == _STRUCTURED:
        return [Item(request.body, "")]
    attributes = {name: value for name, value in request.headers.items() if name.startswith(_PREFIX)}
    if attributes and kind in {"application/json", ""}:
        return [Item(_binary(attributes, kind, request.body), "")]
    if kind not in _PLAIN or attributes:
        raise Problem(
            "media_type",
            f"Content-Type may be {_STRUCTURED}, {_BATCH}, application/x-ndjson, or application/json",
        )
    return _batch(request.body) if request.body.lstrip()[:1] == b"[" else [Item(request.body, "")]


def _batch(body: bytes) -> Sequence[Item]:
    try:
        found = _events(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed(
            "", "the batch is no JSON array; one event a line (NDJSON) keeps those that are good"
        ) from None
    _check_count(len(found))
    return [Item(bytes(event), f"/{place}") for place, event in enumerate(found)]


def _lines(body: bytes) -> Sequence[Item]:
    lines = body.split(b"\n")
    found = [(place, line) for place, line in enumerate(map(bytes.strip, lines)) if line]
    _check_count(len(found))
    return [Item(line, f"/{place}") for place, line in found]


def _check_count(count: int) -> None:
    if count > MAX_ITEMS:
        raise Problem("too_large", f"{count:,} events, at most {MAX_ITEMS:,}: send smaller batches")


def _binary(attributes: dict[str, str], kind: str, body: bytes) -> bytes:
    """Put an event together as a tree, so that nothing in a header or in the body can pass for something else."""
    event: dict[str, Any] = {
        name.removeprefix(_PREFIX): _text(value) for name, value in attributes.items() if name != "ce-data"
    }
    if kind:
        event["datacontenttype"] = kind
    try:
        event["data"] = from_json(body)
    except ValueError:
        return body  # no JSON: refused as it came, so that what it holds is redacted as a whole
    return to_json(event)


def _text(value: str) -> str | None:
    """Return the value of a header, which may be percent-encoded; None, which the contract refuses, if it is no text."""
    try:
        whole = unquote_to_bytes(value) if _ENCODED.search(value) else value.encode("latin-1")
        return whole.decode()
    except UnicodeError:
        return None
