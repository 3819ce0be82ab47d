"""Lines that are no events, each with the reason for which the documents refuse it."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.histories.event import Item
from tests.histories.lines import rfc3339
from tests.histories.people import NOBODY

__all__ = ["bad"]

DAY_US = 86_400_000_000
_RAW: tuple[tuple[bytes, str], ...] = (
    (b"not json at all", "not_json"), (b"", "not_json"), (b"\xff\xfe\x00", "not_json"), (b"[]", "not_json"),
    (b'{"id": "x"}', "missing_field"), (b"null", "not_json"), (b'{"id":"x","sour', "not_json"),
)  # fmt: skip
_WRONG: tuple[tuple[str, Any, str], ...] = (
    ("data.content", "", "bad_value"), ("id", "", "bad_value"), ("source", "", "bad_value"), ("data.brand", "", "bad_value"),
    ("data.place", "", "bad_value"), ("type", "Web.Click", "bad_value"), ("type", "click", "bad_value"),
    ("data.amount", 5, "no_currency"), ("data.amount", "12,50", "wrong_type"), ("data.amount", True, "wrong_type"),
    ("data.rating", 11, "bad_value"), ("data.sentiment", -1.5, "bad_value"), ("data.content", None, "wrong_type"),
    ("data.currency", "EURO", "bad_value"), ("data.extra", 1, "unknown_field"), ("time", "1700000000", "bad_time"),
    ("time", "2026-06-01T00:00:00", "bad_time"), ("time", "2026-02-30T00:00:00Z", "bad_time"), ("time", 5, "wrong_type"),
    ("time", "1899-12-31T23:59:59.999999Z", "time_too_old"), ("time", "1899-12-31T22:00:00-01:00", "time_too_old"),
    ("data.handles", {}, "no_handle"), ("data.handles", {"cookie": ""}, "no_handle"), ("data.handles", {"cookie": []}, "no_handle"),
    ("data.handles", {"cookie": [f"c{n}" for n in range(9)]}, "too_many_handles"), ("data.handles", {"fax": "1"}, "bad_value"),
    ("id", "x" * 257, "too_large"), ("data.properties", {"a": "x" * 9000}, "too_large"), ("data.consent", "denied", "consent_denied"),
    ("specversion", "2.0", "bad_value"), ("datacontenttype", "text/plain", "bad_value"),
)  # fmt: skip


def bad(brand: str, now_us: int, random: Random) -> Item:
    """Return a line that is refused."""
    roll = random.random()
    if roll < 0.2:
        line, reason = random.choice(_RAW)
        return Item(line, None, reason)
    event = _good(brand, now_us, random)
    if roll < 0.45:
        kind, value = random.choice(NOBODY)
        event["data"]["handles"] = {kind: value}
        return _item(event, "no_handle")
    if roll < 0.55:
        event["time"] = rfc3339(now_us + DAY_US + random.choice([1, DAY_US, 3000 * DAY_US]))
        return _item(event, "time_ahead")
    path, value, reason = random.choice(_WRONG)
    _put(event, path)(value)
    return _item(event, reason)


def _good(brand: str, now_us: int, random: Random) -> dict[str, Any]:
    return {
        "id": f"bad{random.randrange(10**6)}", "source": "shop", "type": "web.click", "time": rfc3339(now_us - DAY_US),
        "data": {"brand": brand, "handles": {"cookie": f"bad-{random.randrange(10**9)}"}},
    }  # fmt: skip


def _put(event: dict[str, Any], path: str) -> Callable[[Any], None]:
    *folders, name = path.split(".")
    place = event[folders[0]] if folders else event
    return lambda value: place.__setitem__(name, value)


def _item(event: dict[str, Any], reason: str) -> Item:
    return Item(json.dumps(event).encode(), None, reason)
