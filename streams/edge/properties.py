"""Properties of events as the text that is stored: compact JSON, its keys as they came."""

from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from schemas.event import MAX_PROPERTIES_BYTES
from streams.edge.reasons import Refused

__all__ = ["Properties", "stored"]

_REMEMBERED = 20_000  # texts that are kept at hand; then all are forgotten and learnt anew
_SHORT = 256  # bytes: longer ones are not kept at hand

_validated = TypeAdapter(dict[str, JsonValue]).validator.validate_json


def stored(properties: dict[str, Any]) -> bytes:
    """Return properties as they are stored.

    Raises
    ------
    Refused
        More than 8 KB, or numbers that JSON does not have.
    """
    text = to_json(properties)
    if len(text) > MAX_PROPERTIES_BYTES:
        raise Refused("too_large", f"/data/properties: more than {MAX_PROPERTIES_BYTES} bytes")
    if (b"NaN" in text or b"Infinity" in text) and not _is_json(text):
        raise Refused("bad_value", "/data/properties: NaN and Infinity are not JSON")
    return text


def _is_json(text: bytes) -> bool:
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError:
        return False
    return True


class Properties:
    """Reads properties; most are one of a few, which are remembered."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {b"": b""}

    def read(self, texts: Iterable[bytes]) -> list[bytes | None]:
        """Return what to store for properties as they came in, None where the contract has to say what is wrong."""
        known = self._known
        return [known[text] if text in known else self._learn(text) for text in texts]

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
