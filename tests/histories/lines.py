"""Events as lines: plain CloudEvents in every form that the contract takes, and what Segment and ActivityStreams make of them."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any

from schemas.segment import default_mapping
from streams.collector.adapters import Adapter, Request
from streams.collector.adapters.activities import Activities
from streams.collector.adapters.segment import Segment
from tests.histories.event import Event, Handle, Item
from tests.histories.people import spelled

__all__ = ["BOM", "activity", "line", "order", "rfc3339", "said"]

BOM = b"\xef\xbb\xbf"
SEGMENT, ACTIVITIES = Segment(default_mapping()), Activities()
MEDIA = (
    None,
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON",
    "text/json",
    "application/x+json",
)
_PATH = "/v1/activities"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Amounts as text, with what they are (adapters.md); None is not read.
AMOUNTS: tuple[tuple[Any, str, str | None], ...] = (
    ("12,50", "USD", "12.5"), ("1,234.56", "USD", "1234.56"), ("1.234,56", "EUR", "1234.56"), ("1 234,5", "EUR", "1234.5"),
    ("12.50 EUR", "EUR", "12.5"), (15_000_000_000, "IDR", "15000000000"), (19.99, "GBP", "19.99"), ("0", "EUR", "0"),
    ("1,234", "EUR", None), ("about ten", "EUR", None), ("-12.50", "EUR", "-12.5"),
)  # fmt: skip


def rfc3339(at_us: int, random: Random | None = None) -> str:
    """Return an instant, in one of the ways in which the contract takes it."""
    at = _EPOCH + timedelta(microseconds=at_us)
    if random is None or at.year < 1901:
        return at.isoformat().replace("+00:00", "Z")
    hours = random.choice([0, 0, 2, -5])
    text = at.astimezone(timezone(timedelta(hours=hours))).isoformat()
    return text.replace("+00:00", random.choice(["Z", "z", "+00:00"]))


def said(event: Event, random: Random) -> dict[str, Any]:
    """Return an event as CloudEvents has it, its handles in any spelling and order."""
    data: dict[str, Any] = {"brand": event.brand, "handles": _handles(event.handles, random), **event.texts}
    if event.amount is not None:
        data["amount"] = float(event.amount)
    for name in ("currency", "rating", "sentiment", "properties"):
        if (value := getattr(event, name)) not in ("", None, {}):
            data[name] = value
    return {
        "id": event.id, "source": event.source, "type": event.type,
        "time": rfc3339(event.at_us, random), "data": _shuffled(data, random),
    }  # fmt: skip


def _handles(handles: tuple[Handle, ...], random: Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for handle in random.sample(handles, len(handles)):
        kind, value = handle[0], spelled(handle, random)
        if random.random() < 0.1:
            found.setdefault(kind, []).append(spelled(handle, random))  # twice, in two spellings: one handle
        found.setdefault(kind, []).append(value)
    return {
        kind: values[0] if len(values) == 1 and random.random() < 0.8 else values
        for kind, values in found.items()
    }


def _shuffled(fields: Mapping[str, Any], random: Random) -> dict[str, Any]:
    return dict(random.sample(sorted(fields.items()), len(fields)))


def line(event: Event, random: Random, extra: Mapping[str, Any] | None = None) -> bytes:
    """Return an event as a line; `extra` are more fields of `handles`, which name nobody."""
    body = said(event, random)
    for kind, value in (extra or {}).items():
        if kind not in body["data"]["handles"]:
            body["data"]["handles"][kind] = value
    form = random.random()
    if form < 0.1:
        body |= {
            "subject": None,
            "dataschema": None,
            "datacontenttype": random.choice(MEDIA),
            "specversion": "1.0",
        }
    elif form < 0.15:
        body["data_base64"] = b64encode(json.dumps(body.pop("data")).encode()).decode()
    elif form < 0.2:
        body |= {"traceparent": "00-1", "subject": "a subject"}
    text = json.dumps(_shuffled(body, random), ensure_ascii=random.random() < 0.5)
    return (BOM if 0.2 < form < 0.22 else b"") + text.encode()


def order(event: Event, random: Random, sent_ago_us: int, now_us: int) -> Item:
    """Return a purchase or refund as Segment's call, with an amount as text; sent so long before it is received."""
    amount, currency, read = random.choice(AMOUNTS)
    (primary, *_others) = event.handles
    call = {
        "type": "track", "event": "Order Completed" if event.type == "web.purchase" else "Order Refunded",
        "messageId": event.id, "timestamp": rfc3339(event.at_us), "sentAt": rfc3339(now_us - sent_ago_us),
        {"user": "userId", "cookie": "anonymousId"}[primary[0]]: primary[1],
        "properties": {"revenue": amount, "currency": currency},
    }  # fmt: skip
    meant = replace(
        event, handles=(primary,), texts={}, source="segment", at_us=event.at_us + sent_ago_us, rating=None,
        sentiment=None, amount=Decimal(read) if read else None, currency=currency if read else "", properties=None,
    )  # fmt: skip
    return _adapted(SEGMENT, "/v1/track", call, meant, now_us)


def activity(event: Event, kind: str, now_us: int) -> tuple[Item, Item]:
    """Return a Like or an Announce with its Undo, at the time when the former was published."""
    doing = {"Like": "social.like", "Announce": "social.share"}[kind]
    account = f"https://social.example/users/{event.id}"
    said = {
        "type": kind, "id": f"https://social.example/doings/{event.id}", "actor": account,
        "object": "https://social.example/notes/1", "published": rfc3339(event.at_us),
    }  # fmt: skip
    undo = {"type": "Undo", "id": said["id"] + "/undo", "actor": account, "object": said}
    done = replace(
        event, id=said["id"], source="segment", type=doing, handles=(("social", account),), amount=None, currency="",
        rating=None, sentiment=None, texts={"content": said["object"]}, properties=None,
    )  # fmt: skip
    undone = replace(done, type=doing.replace(".", ".un"), texts=done.texts | {"cause": done.id})
    first, second = ((said, done), (undo, undone))
    return _adapted(ACTIVITIES, _PATH, *first, now_us), _adapted(ACTIVITIES, _PATH, *second, now_us)


def _adapted(adapter: Adapter, path: str, body: Any, meant: Event, now_us: int) -> Item:
    """Return what an adapter makes of a body; the id of what it makes is its own choice."""
    request = Request(path, "POST", {}, {}, json.dumps(body).encode(), "segment", now_us)
    (item,) = adapter.translate(request)
    assert item.line is not None, item
    event = json.loads(item.line)
    event["data"].setdefault("brand", meant.brand)
    return Item(json.dumps(event).encode(), replace(meant, id=event["id"]))
