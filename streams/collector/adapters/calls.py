"""Translates one call of Segment's API into one event, by the mapping: person, verb, time and properties."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.segment import Path, SegmentMapping, snake
from streams.collector.adapters.amounts import UnreadAmount, money
from streams.collector.adapters.fields import at, number, text
from streams.collector.adapters.lines import event_line, kept, masked
from streams.collector.adapters.times import corrected, moment, rfc3339
from streams.collector.adapters.written import mood_of
from streams.mood.moods import NO_MOODS, Mood, Moods

__all__ = ["CALLS", "Call", "event"]

CALLS = ("identify", "track", "page", "screen", "group", "alias")
_LINK = "identity.link"
_NOT_TEXTS = {"amount", "text", "language"}
_UNNAMED = "web.track"
_BEST = 10  # what the contract takes for a rating
_ANY_VALUE = "value"  # of a property: a colour, an answer, or an amount
_ABOUT_PRODUCT = "product"  # a word of the names of events about a product


@dataclass(frozen=True, slots=True)
class Call:
    """A call, its method and id, the time at which its sender says that it was sent, and the time of its arrival."""

    body: Mapping[str, Any]
    name: str
    id: str
    source: str
    sent: datetime | None
    received_us: int
    brand: str = ""


def event(call: Call, mapping: SegmentMapping, moods: Moods = NO_MOODS) -> tuple[bytes, str]:
    """Return the event as a line, and what it does not have since that could not be read.

    `moods` reads what the person wrote.

    Identify and alias become `identity.link`, which names all handles of the call: they are one person. What the
    call says wrongly or not at all is left to the edge to refuse.
    """
    fields, left_out = _fields(call, mapping)
    is_link = call.name in {"identify", "alias"}
    properties = _properties(call, mapping)
    if not is_link and (mood := _mood(call, mapping, moods, fields)) is not None:
        fields["sentiment"], properties = mood.sentiment, mood.properties | properties
    line = event_line(
        id=call.id,
        source=call.source,
        type=_type(call, mapping),
        time=_time(call),
        handles=_handles(call, mapping),
        fields={} if is_link else fields,
        properties=properties,
    )
    return line, "" if is_link else left_out


def _type(call: Call, mapping: SegmentMapping) -> str:
    if call.name in {"identify", "alias"}:
        return _LINK
    if call.name != "track":
        return mapping.calls[call.name]
    name = call.body.get("event")
    verb = snake(masked(name[:256])) if isinstance(name, str) else ""
    found = mapping.events.get(verb, f"web.{verb}" if verb else _UNNAMED)
    return f"{_area(call, mapping)}{found[1:]}" if found.startswith("*") else found


def _area(call: Call, mapping: SegmentMapping) -> str:
    return mapping.areas.get(_channel(call, mapping), "web")


def _channel(call: Call, mapping: SegmentMapping) -> str:
    said = call.body.get("channel") or at(call.body, ("context", "channel"))
    if isinstance(said, str) and said.lower() in mapping.areas:
        return said.lower()
    library = at(call.body, ("context", "library", "name"))
    if isinstance(library, str) and any(word in library.lower() for word in mapping.mobile):
        return "mobile"
    return "web"


def _time(call: Call) -> str:
    said = call.body.get("timestamp") or call.body.get("originalTimestamp")
    if said is None:
        return rfc3339(call.received_us)
    happened = moment(said)
    if happened is None:
        return text(said, 40) or "?"  # refused by the edge, with the reason
    return rfc3339(corrected(happened, call.sent, call.received_us))


def _handles(call: Call, mapping: SegmentMapping) -> dict[str, list[str]]:
    body = {**call.body, "traits": None} if call.name == "group" else call.body
    browser = "device" if _channel(call, mapping) == "mobile" else "cookie"
    found: dict[str, list[str]] = {}
    previous = [call.body.get("previousId")] if call.name == "alias" else []
    # An alias does not say whether the previous id was a user's or a browser's: it is both.
    _add(found, "user", [call.body.get("userId"), *previous])
    _add(found, browser, [call.body.get("anonymousId"), *previous])
    for kind, paths in mapping.handles.items():
        _add(found, kind, [at(body, path) for path in paths])
    return found


def _add(found: dict[str, list[str]], kind: str, values: list[Any]) -> None:
    if known := [value for value in (text(value, 0) for value in values) if value]:
        found.setdefault(kind, []).extend(known)


def _fields(call: Call, mapping: SegmentMapping) -> tuple[dict[str, Any], str]:
    found = {
        name: _first(call.body, paths, number if name == "rating" else text)
        for name, paths in mapping.fields.items()
        if name not in _NOT_TEXTS
    }
    if _is_about_product(call) and not found.get("product"):
        found["product"] = _first(call.body, mapping.product_of_event, text)
    if not 0 <= (found.get("rating") or 0) <= _BEST:  # a score in a game is no rating
        del found["rating"]
    currency = (found.pop("currency", None) or "").upper()
    worth, left_out = _money(call.body, mapping, currency)
    return found | worth, left_out


def _mood(call: Call, mapping: SegmentMapping, moods: Moods, fields: Mapping[str, Any]) -> Mood | None:
    if not moods or "text" not in mapping.fields:
        return None
    said, language = (
        _first(call.body, mapping.fields.get(name, ()), _as_it_is) for name in ("text", "language")
    )
    return mood_of(moods, call.brand, language, said, fields)


def _as_it_is(value: Any) -> Any:
    return value


def _is_about_product(call: Call) -> bool:
    name = call.body.get("event")
    return call.name == "track" and isinstance(name, str) and _ABOUT_PRODUCT in snake(name[:256]).split("_")


def _money(body: Mapping[str, Any], mapping: SegmentMapping, currency: str) -> tuple[dict[str, Any], str]:
    """Return amount and currency from the first path that holds a value, or why it could not be read."""
    for path in mapping.fields.get("amount", ()):
        value = at(body, path)
        if path[-1] == _ANY_VALUE and not _has_digits(value):
            continue
        try:
            found = money(value, currency, mapping.currency)
        except UnreadAmount as why:
            return {}, f"{'.'.join(path)} is not read as an amount: {why}"
        if found is not None:
            return {"amount": found[0], "currency": found[1] or None}, ""
    return {}, ""


def _has_digits(value: Any) -> bool:
    if isinstance(value, str):
        return any(letter.isdecimal() for letter in value)
    return not isinstance(value, bool | list | dict)


def _first(body: Mapping[str, Any], paths: tuple[Path, ...], read: Any) -> Any:
    for path in paths:
        found = at(body, path)
        if found is not None and (value := read(found)) is not None:
            return value
    return None


def _properties(call: Call, mapping: SegmentMapping) -> dict[str, Any]:
    properties = call.body.get("properties")
    found = {name: _first(call.body, paths, text) for name, paths in mapping.keep.items()}
    found = {name: value for name, value in found.items() if value is not None}
    if call.name == "track" and isinstance(name := call.body.get("event"), str):
        found["event"] = name
    if call.name in {"track", "page", "screen"} and isinstance(properties, Mapping):
        found = {**kept(properties, mapping.personal), **found}
    return found
