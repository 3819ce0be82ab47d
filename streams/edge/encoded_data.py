"""Decodes `data_base64`, in which CloudEvents' JSON format carries data as bytes, to `data`."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from schemas.event import MAX_EVENT_BYTES
from streams.edge.reasons import Refused
from streams.edge.spoken import mended
from streams.text.json_parts import BOM

__all__ = ["decoded", "fault", "with_decoded"]

_NAME = b'"data_base64"'
_LONGEST = 2 * MAX_EVENT_BYTES  # base64 takes a third more than what it encodes


def with_decoded(lines: Sequence[bytes]) -> Sequence[bytes]:
    """Return lines with `data` in the place of `data_base64`; those without it, or with a wrong one, as they are."""
    return [decoded(line) if _NAME in line else line for line in lines]


def decoded(line: bytes) -> bytes:
    """Return an event with `data` in the place of `data_base64`; what is none, or holds something else, as it is."""
    event = _event(line) if _NAME in line else None
    if event is None or event.get("data_base64") is None or fault(line) is not None:
        return line
    data = _data(event.pop("data_base64"))
    return to_json(event | {"data": data})


def fault(line: bytes) -> Refused | None:
    """Return why `data_base64` of an event cannot be decoded, None where it can, or there is none."""
    event = _event(line) if _NAME in line else None
    encoded = None if event is None else event.get("data_base64")
    if event is None or encoded is None:
        return None
    if event.get("data") is not None:
        return Refused("bad_value", "/data_base64: an event has data or data_base64, not both")
    if not isinstance(encoded, str):
        return Refused("wrong_type", "/data_base64: a text in base64")
    try:
        _data(encoded)
    except binascii.Error:
        return Refused("bad_value", "/data_base64: not base64")
    except ValueError:
        return Refused("bad_value", "/data_base64: what it encodes is not JSON in UTF-8")
    return None


def _event(line: bytes) -> dict[str, Any] | None:
    if len(line) > _LONGEST:
        return None
    try:
        event = from_json(line.removeprefix(BOM), allow_inf_nan=False)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _data(encoded: str) -> Any:
    text = base64.b64decode(encoded.encode("ascii", "replace"), validate=True)
    return from_json(mended(text.removeprefix(BOM)), allow_inf_nan=False)
