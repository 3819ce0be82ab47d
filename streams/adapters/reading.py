"""Bodies and values of foreign formats, read with bounds and without quoting anything of them."""

import base64
import binascii
import math
from typing import Any

import msgspec
from pydantic_core import from_json

from schemas.event import MAX_NAME
from streams.adapters import Malformed, Request

__all__ = ["at", "body_key", "json_body", "number", "presented_key", "text"]

_LONGEST_KEY = 256
_LONGEST_NUMBER = 40  # characters
_FURTHEST = 1e10  # what the contract takes for an amount


class _Keyed(msgspec.Struct):
    writeKey: str = ""  # noqa: N815 - its name in the body


_keyed = msgspec.json.Decoder(_Keyed)


def json_body(body: bytes) -> Any:
    """Return a body of JSON in UTF-8, no deeper than 200, with numbers that JSON has.

    Raises
    ------
    Malformed
        It is none; nothing of it is quoted.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except (ValueError, RecursionError):
        raise Malformed("", "the body is not JSON in UTF-8") from None


def presented_key(request: Request) -> str:
    """Return the write key: user of basic auth, bearer token, X-Write-Key, or `writeKey` in the address."""
    authorization = request.headers.get("authorization", "")
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "basic":
        return _user(credentials.strip())
    if scheme.lower() == "bearer":
        return credentials.strip()[:_LONGEST_KEY]
    return (request.headers.get("x-write-key") or request.query.get("writeKey") or "")[:_LONGEST_KEY]


def body_key(body: bytes) -> str:
    """Return `writeKey` of a JSON object, "" where it has none."""
    try:
        return _keyed.decode(body).writeKey[:_LONGEST_KEY]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _user(credentials: str) -> str:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[0][:_LONGEST_KEY]


def at(value: Any, path: tuple[str, ...]) -> Any:
    """Return what stands under a path, None where nothing does; a list of one stands for its element."""
    for key in path:
        if value.__class__ is list and len(value) == 1:
            value = value[0]
        if value.__class__ is not dict:
            return None
        value = value.get(key)
    return value[0] if value.__class__ is list and len(value) == 1 else value


def text(value: Any, limit: int = MAX_NAME) -> str | None:
    """Return a text or whole number as text without white space around it, None for what is neither or empty.

    Longer texts are cut, but not handles and ids, which would be others then: give those no limit.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return value.strip()[: limit or None].strip() or None
    if isinstance(value, int) and abs(value) < 2**64:
        return str(value)
    return None


def number(value: Any) -> float | None:
    """Return a number, also one written as text, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (len(value) > _LONGEST_NUMBER or "_" in value):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and abs(found) <= _FURTHEST else None
