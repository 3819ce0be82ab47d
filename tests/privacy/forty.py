"""Values of one person in every encoding, planted in every place of an event, of a refused one and of foreign formats."""

import base64
import html
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

__all__ = [
    "BY_FORM",
    "OPAQUE",
    "PERSON",
    "activities",
    "calls",
    "refused",
    "valid",
    "wanted",
    "ways_to_write",
]

PERSON = {
    "email": "zoe.planted@planted.example",
    "phone": "+33639987750",
    "user": "zoe-user-planted",
    "cookie": "zoe-cookie-planted",
    "device": "zoe-device-planted",
    "social": "instagram:zoe.planted",
    "loyalty": "ZOE-CARD-PLANTED-7",
}
OPAQUE = {kind: PERSON[kind] for kind in ("user", "cookie", "device", "social", "loyalty")}
# What is known by its form alone, and so in ids too.
BY_FORM = {
    "email": PERSON["email"],
    "phone": "+33 6 39 98 77 50",
    "international": "0033639987750",
    "national": "0639987750",
    "spaced": "06 39 98 77 50",
    "card": "4111111111111111",
    "iban": "DE89370400440532013000",
    "address": "203.0.113.77",
}
TIME = "2026-06-04T12:00:00Z"
_HIDDEN = [*PERSON.values(), *BY_FORM.values(), "33639987750", "639987750", "6 39 98 77 50", "zoe.planted"]


def ways_to_write(value: str) -> dict[str, str]:
    """Return the value in every encoding that is looked through."""
    raw = value.encode()
    return {
        "plain": value,
        "upper": value.upper(),
        "among words": f" see {value} , please",
        "percent": quote(value, safe=""),
        "all percent": "".join(f"%{byte:02X}" for byte in raw),
        "twice": quote(quote(value, safe=""), safe=""),
        "address": f"https://shop.example/find?who={quote(value, safe='')}&n=1",
        "base64": base64.b64encode(raw).decode(),
        "base64 behind a word": f"u-{base64.b64encode(raw).decode()}",
        "base64url": base64.urlsafe_b64encode(b"me: " + raw).decode().rstrip("="),
        "hex": raw.hex(),
        "entities": "".join(f"&#{byte};" for byte in raw),
        "named": html.escape(value.replace("@", "&commat;"), quote=False).replace("&amp;", "&"),
        "escapes": "".join(f"\\u{byte:04x}" for byte in raw),
        "quoted": "".join(f"={byte:02X}" for byte in raw),
        "json": json.dumps({"a": [value]}),
    }


def wanted() -> list[bytes]:
    """Return the bytes that must be nowhere: values, and what does not change in their encodings."""
    found: set[bytes] = set()
    for value in _HIDDEN:
        raw = value.encode()
        found |= {raw, raw.upper(), raw.lower(), raw.hex().encode(), quote(value, safe="").encode()}
        encoded = [
            text
            for way, text in ways_to_write(value).items()
            if way not in {"json", "address", "among words"}
        ]
        found |= {text.encode() for text in encoded} | {json.dumps(text)[1:-1].encode() for text in encoded}
        for offset in range(3):
            inner = base64.b64encode(b"\0" * offset + raw).rstrip(b"=")[4 if offset else 0 :]
            found.add(inner[: len(inner) // 4 * 4 - 4])
    return sorted(one for one in found if len(one) > 8)


def _event(name: str, type_: str = "web.page_view", **more: Any) -> dict[str, Any]:
    envelope = {field: more.pop(field) for field in ("id", "source", "subject") if field in more}
    handles = {kind: value for kind, value in PERSON.items() if kind != "phone"} | {
        "phone": ["06 39 98 77 50", PERSON["phone"]]
    }
    data = {"brand": "lumiere", "handles": handles} | more
    return {
        "id": name,
        "source": "https://shop.example",
        "type": type_,
        "time": TIME,
        "data": data,
    } | envelope


def valid(prefix: str = "v") -> Iterator[dict[str, Any]]:
    """Yield events that are taken, each with one value in one place in one encoding."""
    number = 0
    for value in (*OPAQUE.values(), *BY_FORM.values()):
        for text in (written[:256] for written in ways_to_write(value).values()):
            places: list[dict[str, Any]] = [
                {"content": text}, {"cause": text}, {"subject": text}, {"properties": {"note": text, "deep": [{"x": text}]}},
                {"properties": {text[:60]: 1}},
            ]  # fmt: skip
            if value in OPAQUE.values() or value == PERSON["email"]:
                places += [{"product": text, "place": text, "campaign": text, "device": text}]
            if value in BY_FORM.values():
                places += [{"id": f"{prefix}{number} {text}"[:256]}, {"source": text}]
            for place in places:
                number += 1
                yield _event(f"{prefix}{number}", **place)
    for key in ("email", "phone", "firstName", "shipping", "user_id", "contact_phone", "ipAddress"):
        yield _event(f"{prefix}-{key}", properties={key: {"value": PERSON["user"]}})


def refused(prefix: str = "r") -> Iterator[dict[str, Any] | bytes]:
    """Yield events that are refused, and lines that are none."""
    for number, event in enumerate(valid(prefix)):
        yield _spoilt(event, number % 7)
    for value in (*OPAQUE.values(), *BY_FORM.values()):
        for text in ways_to_write(value).values():
            yield text.encode()
            yield json.dumps([text]).encode()
            yield {
                "identities": {"cookies": text},
                "type": text,
                "time": text,
                "specversion": text,
                "data": text,
            }
            yield _event(f"{prefix}x", brand=7, currency=text, consent=text, rating=text, amount=text)


def _spoilt(event: dict[str, Any], how: int) -> dict[str, Any] | bytes:
    data = event["data"]
    ways = [
        {name: value for name, value in event.items() if name != "time"},
        event | {"type": "Purchase"},
        event | {"time": "2126-06-04T12:00:00Z"},
        event | {"data": data | {"tel": "0639987750", "zoe-user-planted": PERSON["cookie"]}},
        event | {"data": json.dumps(data)},
        event
        | {
            "data_base64": base64.b64encode(json.dumps(data | {"rating": 99}).encode()).decode(),
            "data": None,
        },
    ]
    return ways[how] if how < len(ways) else json.dumps(event).encode()[:-2]


def calls() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield calls of Segment's API by their path."""
    who = {"userId": PERSON["user"], "anonymousId": PERSON["cookie"]}
    yield (
        "/v1/identify",
        who
        | {
            "messageId": "i",
            "traits": {"email": PERSON["email"], "phone": PERSON["phone"], "name": "Zoe Planted"},
        },
    )
    personal = {
        "name": "Zoe Planted", "shipping": {"address1": "7 Planted Street", "name": "Zoe Planted"}, "ipAddress": BY_FORM["address"],
        "card": BY_FORM["card"], "pay": int(BY_FORM["card"]), "iban": BY_FORM["iban"], "note": BY_FORM["iban"], "call": BY_FORM["national"],
    }  # fmt: skip
    yield (
        "/v1/track",
        who | {"messageId": "t", "event": "Order Completed", "properties": personal | {"revenue": 3}},
    )
    yield (
        "/v1/track",
        who
        | {
            "messageId": "bad",
            "event": "Order Completed",
            "timestamp": PERSON["email"],
            "properties": personal,
        },
    )
    for number, (kind, value) in enumerate(
        (BY_FORM | {name: PERSON[name] for name in ("user", "cookie")}).items()
    ):
        for way, text in ways_to_write(value).items():
            message = {
                "messageId": f"{kind}-{way}",
                "event": "Seen",
                "properties": {"a": text, "b": [{"c": text}], "content_id": text},
            }
            yield "/v1/track", who | message | ({"timestamp": "noon"} if number % 2 else {})


def activities() -> Iterator[dict[str, Any]]:
    """Yield activities."""
    actor = {"type": "Person", "id": f"acct:{PERSON['email']}", "name": "Zoe Planted"}
    base = {"actor": actor, "published": TIME}
    yield base | {"type": "Follow", "id": "f1", "object": {"type": "Person", "name": "Zoe Planted"}}
    yield base | {"type": "Follow", "id": "f2", "object": {"name": "Zoe Planted"}}
    yield base | {"type": "Arrive", "id": "f3", "location": {"type": "Person", "name": "Zoe Planted"}}
    for way, text in ways_to_write(PERSON["email"]).items():
        yield base | {"type": "Like", "id": f"l-{way}", "object": text}
        yield base | {"type": "Like", "id": f"u-{text}"[:200], "object": {"type": "Note", "name": text}}
        yield base | {"type": text, "id": f"t-{way}", "object": "x", "published": text}
