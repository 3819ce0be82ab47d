"""Builds one event of our contract from the values that an adapter has read, with personal texts masked."""

import json
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from schemas.event import MAX_HANDLES, MAX_NAME, MAX_PROPERTIES_BYTES
from streams.collector.adapters.tolerant import Unusable, UnusableValue, well_formed
from streams.edge.codes import is_code
from streams.edge.personal_forms import hidden
from streams.edge.personal_properties import is_name, is_personal

__all__ = ["event_line", "kept", "made_id", "masked"]

_DEEPEST = 6  # levels of foreign properties that are kept
_MANY = 100  # entries of one level that are kept
_LONG = 1_024  # characters of a text that are kept
_OPENING = frozenset('{["')
# What has one of these is a thing, and its `name` that of the thing; any other name may be a person's.
_OF_THINGS = frozenset({
    "product_id", "sku", "gtin", "ean", "price", "brand", "category", "variant", "quantity", "promotion_id", "creative",
    "list_id", "path",
})  # fmt: skip
_ADDRESS = re.compile(r"(?i)^[a-z][a-z0-9+.\-]*://(?:[^/?#@]*@)?([^/?#]*)([^?#]*)")

Handles = Mapping[str, Collection[str]]


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
            is_text = isinstance(value, str) and name != "cause"
            data[name] = hidden(value, is_code=is_code(name, value))[:MAX_NAME] if is_text else value
    if found := _fitting(kept(dict(properties), frozenset())):
        data["properties"] = found
    event = {"specversion": "1.0", "id": id, "source": source, "type": type, "time": time, "data": data}
    return to_json(event, inf_nan_mode="null")


def made_id(what: Any) -> str:
    """Return an id for what has none: the same for the same values."""
    try:
        told = to_json(what, inf_nan_mode="null")
    except ValueError:  # half a surrogate pair
        told = json.dumps(what, default=repr).encode()
    return f"made-{sha256(told).hexdigest()[:32]}"


def kept(value: Any, personal: Collection[str], depth: int = _DEEPEST) -> Any:
    """Return foreign properties without personal keys and with personal texts masked.

    `name` is kept of what is a thing by its other keys: a product, a promotion, a plan, a page.

    Raises
    ------
    Unusable
        There is a value that could not be read.
    """
    if isinstance(value, str):
        return _text(well_formed(value), personal, depth)
    if isinstance(value, dict):
        if not depth:
            return None
        is_thing = not _OF_THINGS.isdisjoint(value)
        return {
            masked(well_formed(name))[:MAX_NAME]: kept(item, personal, depth - 1)
            for name, item in list(value.items())[:_MANY]
            if item is not None and not is_personal(name, personal) and (is_thing or not is_name(name))
        }
    if isinstance(value, list):
        return [kept(item, personal, depth - 1) for item in value[:_MANY]] if depth else None
    if value.__class__ is UnusableValue:
        raise Unusable(value.detail)
    return value if not isinstance(value, int) or abs(value) < 2**63 else None


def masked(text: str) -> str:
    """Return a text with personal data masked by its form: e-mail addresses, phone numbers, cards, IP addresses.

    >>> masked("call +33 6 12 34 56 78 or ann@example.com"), masked("/find?who=ann%40example.com")
    ('call # or #', '/find?who=#')
    """
    return hidden(text)


def _text(text: str, personal: Collection[str], depth: int) -> str:
    """Return a text as it may be kept; one that is JSON itself is looked into before it is cut."""
    if text.lstrip()[:1] in _OPENING:
        with suppress(ValueError, RecursionError):
            inner = json.loads(text)
            found = kept(inner, personal, depth or 1)
            return _shown(text) if found == inner else json.dumps(found, ensure_ascii=False)[:_LONG]
    return _shown(text)


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
