"""Splits CloudEvents over HTTP (structured, batch, binary mode, NDJSON) into single events, each unchanged."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from pydantic_core import from_json, to_json

from schemas.event import JSON_TYPE
from streams.collector.adapters import Item, Malformed, Request
from streams.collector.limits import MAX_ITEMS
from streams.edge.spoken import shortened
from streams.http.problems import Problem
from streams.text.encodings import foreign_form
from streams.text.json_parts import BOM, TooManyPartsError, parts

__all__ = ["PATH", "items"]

PATH = "/v1/events"
_BATCH = "application/cloudevents-batch+json"
_STRUCTURED = "application/cloudevents+json"
_LINES = {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
_BEACON = {"text/plain", ""}  # what pages that are left send
_PREFIX = "ce-"
_NO_ATTRIBUTES = {"ce-data", "ce-data_base64"}
_UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}
_JSON_TYPE = re.compile(JSON_TYPE)
_CHARSET = re.compile(r"""(?i);\s*charset\s*=\s*["']?([^"';,\s]*)""")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_events = msgspec.json.Decoder(list[msgspec.Raw]).decode
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


def items(request: Request) -> Sequence[Item]:
    """Return the events of a body, unread.

    Raises
    ------
    Malformed
        A batch that is no array, or a body that is not UTF-8 at all.
    Problem
        Another content type, or too many events.
    """
    if form := foreign_form(request.body):
        raise Malformed("", f"the body is {form}; events are JSON in UTF-8")
    request = replace(request, body=request.body.removeprefix(BOM))
    declared = request.headers.get("content-type", "").strip()
    kind = declared.partition(";")[0].strip().lower()
    if (charset := _CHARSET.search(declared)) and charset[1].lower() not in _UTF_8:
        raise Problem("media_type", "events are UTF-8")
    if kind == _BATCH:
        return _batch(request.body)
    if kind in _LINES:
        return _lines(request.body)
    if kind == _STRUCTURED:
        return [Item(request.body, "")]
    attributes = {name: value for name, value in request.headers.items() if name.startswith(_PREFIX)}
    is_json = bool(_JSON_TYPE.search(kind))
    if attributes and (is_json or not kind):
        return [Item(_binary(attributes, declared, request.body), "")]
    if not (is_json or kind in _BEACON) or attributes:
        raise Problem(
            "media_type",
            f"Content-Type may be {_STRUCTURED}, {_BATCH}, application/x-ndjson, or application/json",
        )
    return _batch(request.body) if request.body.lstrip()[:1] == b"[" else [Item(request.body, "")]


def _batch(body: bytes) -> Sequence[Item]:
    found: Sequence[msgspec.Raw | bytes] | None
    try:
        found = _events(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _parts(body)  # an event in it is no JSON: that one alone is refused
    if found is None:
        raise Malformed("", "the batch is no JSON array; one event a line (NDJSON) keeps those that are good")
    _check_count(len(found))
    return [Item(bytes(event), f"/{place}") for place, event in enumerate(found)]


def _parts(body: bytes) -> Sequence[bytes] | None:
    try:
        return parts(body, most=MAX_ITEMS)
    except TooManyPartsError as error:
        raise Problem("too_large", str(error)) from None


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
        name.removeprefix(_PREFIX): _text(value)
        for name, value in attributes.items()
        if name not in _NO_ATTRIBUTES
    }
    if kind:
        event["datacontenttype"] = kind
    try:
        event["data"] = from_json(shortened(body))
    except ValueError:
        return body  # no JSON: refused as it came, so that what it holds is redacted as a whole
    return to_json(event)


def _text(value: str) -> str | bool:
    """Return the value of a header, which may be quoted and percent-encoded, as CloudEvents' HTTP binding says (3.1.3.2).

    It is False, which the contract refuses for any attribute, where it is no text.
    """
    if quoted := _QUOTED.fullmatch(value):
        value = _ESCAPED.sub(r"\1", quoted[1])
    try:
        whole = unquote_to_bytes(value) if _ENCODED.search(value) else value.encode("latin-1")
        return whole.decode()
    except UnicodeError:
        return False
