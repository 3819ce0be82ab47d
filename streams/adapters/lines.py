"""One event of our contract, put together from what an adapter has read; its texts tell nothing personal."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from schemas.event import MAX_HANDLES, MAX_NAME, MAX_PROPERTIES_BYTES
from schemas.segment import snake

__all__ = ["event_line", "kept", "masked"]

_DEEPEST = 6  # levels of foreign properties that are kept
_MANY = 100  # entries of one level that are kept
_LONG = 1_024  # characters of a text that are kept
_LONGEST_KEY = 64  # characters of a key that are compared
_ADDRESS = re.compile(r"(?i)^[a-z][a-z0-9+.\-]*://(?:[^/?#@]*@)?([^/?#]*)([^?#]*)")
# Each begins where no earlier match can have begun, so that no text takes more than linear time.
_WORD = r"[^\s\"'<>,;:{}\[\]()/?&=#%]"
_EMAIL = re.compile(rf"(?<!{_WORD}){_WORD}+(?:@|%40){_WORD}+")
_PHONE = re.compile(r"(?:\+|%2[Bb])\d(?:[\s().\-]{0,3}\d){6,}")

Handles = Mapping[str, Collection[str]]


_word = lru_cache(4_096)(snake)  # keys are few and come again


def event_line(  # noqa: PLR0913 - one for each part of an event
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    type: str,  # noqa: A002 - the field's name
    time: str,
    handles: Handles,
    fields: Mapping[str, Any],
    properties: Mapping[str, Any],
) -> bytes:
    """Return an event as CloudEvents JSON.

    Texts are masked and cut, but for `cause`, which is an id; fields that are None are left out, and so are the last
    properties where all take more than 8 KB. Handles stay as they are: the edge hashes them.
    """
    data: dict[str, Any] = {"handles": _handles(handles)}
    for name, value in fields.items():
        if value is not None:
            hidden = isinstance(value, str) and name != "cause"
            data[name] = masked(value)[:MAX_NAME] if hidden else value
    if found := _fitting(kept(dict(properties), frozenset())):
        data["properties"] = found
    event = {"specversion": "1.0", "id": id, "source": source, "type": type, "time": time, "data": data}
    return to_json(event, inf_nan_mode="null")


def kept(value: Any, personal: Collection[str], depth: int = _DEEPEST) -> Any:
    """Return foreign properties without keys that are personal and without what looks like an address or phone."""
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, dict):
        if not depth:
            return None
        return {
            masked(name)[:MAX_NAME]: kept(item, personal, depth - 1)
            for name, item in list(value.items())[:_MANY]
            if item is not None and not (personal and _word(name[:_LONGEST_KEY]) in personal)
        }
    if isinstance(value, list):
        return [kept(item, personal, depth - 1) for item in value[:_MANY]] if depth else None
    return value if not isinstance(value, int) or abs(value) < 2**63 else None


def masked(text: str) -> str:
    """Return a text without what looks like an e-mail address or an international phone number.

    >>> masked("call +33 6 12 34 56 78 or ann@example.com"), masked("/find?who=ann%40example.com")
    ('call # or #', '/find?who=#')
    """
    if "@" in text or "%40" in text:
        text = _EMAIL.sub("#", text)
    return _PHONE.sub("#", text) if "+" in text or "%2" in text else text


def _shown(value: str) -> str:
    """Return a text as it may be kept: of a web address only host and path, of people nothing."""
    value = value[: 4 * _LONG]
    if address := _ADDRESS.match(value):
        value = f"{address[1]}{address[2]}"
    return masked(value)[:_LONG]


def _handles(handles: Handles) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, values in handles.items():
        different = list(dict.fromkeys(values))[: MAX_HANDLES + 1]
        if different:
            found[kind] = different[0] if len(different) == 1 else different
    return found


def _fitting(properties: dict[str, Any]) -> dict[str, Any]:
    while properties and len(to_json(properties, inf_nan_mode="null")) > MAX_PROPERTIES_BYTES:
        properties.popitem()
    return properties
