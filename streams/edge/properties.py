"""Formats the properties of events for storage: compact JSON, its keys as they came, without personal data."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from schemas.event import MAX_PROPERTIES_BYTES
from streams.edge.lookalikes import ODD
from streams.edge.personal_forms import ENCODED
from streams.edge.personal_properties import without_personal
from streams.edge.reasons import Refused

__all__ = ["Properties", "stored"]

_REMEMBERED = 20_000  # texts in the cache; when it is full, it is cleared
_SHORT = 256  # bytes: longer ones are not kept at hand

# What may be an encoding of something, a number with an exponent too: the events are looked at more closely.
_ENCODED = re.compile(
    rb"[:\[,]\s*-?\d+(?:\.\d+)?[eE]|%[0-9A-Fa-f]{2}|&#?\w+;|\\|=[0-9A-F]{2}|" + ENCODED.encode()
)

_odd = re.compile(ODD)
_validated = TypeAdapter(dict[str, JsonValue]).validator.validate_json


def stored(properties: dict[str, Any]) -> bytes:
    """Return properties as they are stored.

    Raises
    ------
    Refused
        More than 8 KB, or numbers that JSON does not have.
    """
    text = to_json(without_personal(properties))
    if len(text) > MAX_PROPERTIES_BYTES:
        raise Refused("too_large", f"/data/properties: more than {MAX_PROPERTIES_BYTES} bytes")
    if (b"NaN" in text or b"Infinity" in text) and not _is_json(text):
        raise Refused(
            "bad_value",
            "/data/properties: NaN, Infinity and numbers beyond the range of a double are not JSON",
        )
    return text


def _is_odd(text: bytes) -> bool:
    return not text.isascii() and _odd.search(text.decode("utf-8", "replace")) is not None


def _is_json(text: bytes) -> bool:
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError:
        return False
    return True


class Properties:
    """A reader of properties with a cache, as most are one of a few."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {b"": b""}
        self._encoded: dict[bytes, bool] = {}

    def read(self, texts: Iterable[bytes]) -> list[bytes | None]:
        """Return what to store for properties as they came in, None where the contract has to say what is wrong."""
        known = self._known
        return [known[text] if text in known else self._learn(text) for text in texts]

    def suspects(self, places: Sequence[int], texts: Iterable[bytes]) -> Iterable[int]:
        """Return the places of properties that may hold an encoding of anything."""
        encoded = self._encoded
        for place, text in zip(places, texts, strict=True):
            if text:
                found = encoded.get(text)
                if found is None:
                    found = _ENCODED.search(text) is not None or _is_odd(text)
                    if len(text) <= _SHORT and len(encoded) < _REMEMBERED:
                        encoded[text] = found
                if found:
                    yield place

    def _learn(self, text: bytes) -> bytes | None:
        try:
            found = stored(_validated(text, strict=True))
        except (ValidationError, Refused):
            return None
        if len(text) <= _SHORT:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
                self._known[b""] = b""
            self._known[text] = found
        return found
