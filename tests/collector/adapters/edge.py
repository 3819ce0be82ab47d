"""What the edge makes of an adapter's items, and requests to adapt."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from schemas.webhook import WebhookMapping
from streams.collector.adapters import Item, Request
from streams.edge import Edge, Refused

KEY = bytes(32)
RECEIVED = datetime(2026, 10, 17, 12, tzinfo=UTC)
RECEIVED_US = int(RECEIVED.timestamp()) * 1_000_000
EDGE = Edge(KEY)
BRAND = "lumiere"


def request(
    path: str,
    body: Any,
    *,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    source: str = "web",
    received_us: int = RECEIVED_US,
) -> Request:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request(path, "POST", headers or {}, query or {}, data, source, received_us)


def encoded(mapping: WebhookMapping, body: Any) -> bytes:
    """Return a body as its provider sends it: as JSON, or in a field of a form."""
    said = json.dumps(body)
    return urlencode({mapping.form_field: said}).encode() if mapping.form_field else said.encode()


def branded(line: bytes) -> bytes:
    """Return the line as the collector hands it on: with the brand of the key's grant."""
    event = json.loads(line)
    event["data"].setdefault("brand", BRAND)
    return json.dumps(event).encode()


def reason(item: Item) -> str:
    """Return why an item is refused, by its adapter or by the edge, or passed over; "" when it is taken."""
    if item.line is None:
        assert bool(item.reason) != bool(item.passed_over)
        return item.reason or item.passed_over
    try:
        EDGE.check(branded(item.line), RECEIVED_US)
    except Refused as refused:
        return refused.reason
    return ""


def events(items: Any) -> list[dict[str, Any]]:
    """Return the events of items that are all taken, but for those that are passed over."""
    items = [item for item in items if not item.passed_over]
    assert [reason(item) for item in items] == [""] * len(items)
    return [json.loads(item.line) for item in items]
