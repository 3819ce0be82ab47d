"""Reads bodies and values of foreign formats within bounds, and quotes nothing of them in errors."""

import base64
import binascii
import math
from typing import Any

import msgspec
from pydantic_core import from_json

from schemas.event import MAX_NAME
from streams.collector.adapters import Malformed, Request
from streams.collector.adapters.tolerant import Unusable, UnusableValue, is_plain, one, split, well_formed
from streams.text.encodings import foreign_form
from streams.text.json_parts import BOM, TooManyPartsError, members

__all__ = ["at", "body_key", "json_body", "number", "presented_key", "text"]

_LONGEST_KEY = 256
_MOST_MEMBERS = 100  # of a body with its write key inside
_LONGEST_NUMBER = 40  # characters
_FURTHEST = 1e10  # beyond it no rating or sentiment is meant


class _Keyed(msgspec.Struct):
    writeKey: str = ""  # noqa: N815 - its name in the body


_keyed = msgspec.json.Decoder(_Keyed)


def json_body(body: bytes, *lists: str, inner: tuple[str, ...] = ()) -> Any:
    """Return a body of JSON, in which unusable values are `UnusableValue`.

    Parameters
    ----------
    lists
        Members whose items are events, besides those of a body that is a list: what is wrong in one of them, even
        if it is no JSON, is found in that one alone.
    inner
        Members that are objects with such lists themselves.

    Raises
    ------
    Malformed
        It is no JSON as a whole; nothing of it is quoted.
    """
    if form := foreign_form(body):
        raise Malformed("", f"the body is {form}; JSON is sent in UTF-8")
    body = body.removeprefix(BOM)
    try:
        if is_plain(body):
            return from_json(body, allow_inf_nan=False)
    except ValueError:
        pass
    try:
        return split(body, lists, inner) if lists else one(body)
    except TooManyPartsError as error:
        raise Malformed("", str(error)) from None
    except ValueError:
        raise Malformed("", "the body is not JSON") from None


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
        return _key_beside(body)


def _key_beside(body: bytes) -> str:
    """Return `writeKey` of an object with values that are no JSON: those are rejected one by one, later."""
    try:
        inside = members(body.removeprefix(BOM), _MOST_MEMBERS) or ()
        found = [value for name, value in inside if name == b'"writeKey"']
        key = from_json(found[-1]) if found else ""
    except ValueError:
        return ""
    return key[:_LONGEST_KEY] if isinstance(key, str) else ""


def _user(credentials: str) -> str:
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[0][:_LONGEST_KEY]


def at(value: Any, path: tuple[str, ...]) -> Any:
    """Return the value at a path, None where there is none; a list of one counts as its element."""
    for key in path:
        if value.__class__ is list and len(value) == 1:
            value = value[0]
        if value.__class__ is not dict:
            return None
        value = value.get(key)
    return value[0] if value.__class__ is list and len(value) == 1 else value


def text(value: Any, limit: int = MAX_NAME) -> str | None:
    """Return a text or whole number as text without white space around it, None for what is neither or empty.

    Longer texts are cut, and what is no text in them is U+FFFD; but not in handles and ids, which would be others
    then: give those no limit.

    Raises
    ------
    Unusable
        A value that could not be read, or a handle or id that holds what is no text.
    """
    _check(value)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        whole = well_formed(value)
        if not limit and whole != value:
            raise Unusable("an id or a handle holds half a surrogate pair, or is not UTF-8")
        return whole.strip()[: limit or None].strip() or None
    if isinstance(value, int) and abs(value) < 2**64:
        return str(value)
    return None


def number(value: Any) -> float | None:
    """Return a number, also one written as text, None for what is none. Raises Unusable for what cannot be read."""
    _check(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (len(value) > _LONGEST_NUMBER or "_" in value):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and abs(found) <= _FURTHEST else None


def _check(value: Any) -> None:
    if value.__class__ is UnusableValue:
        raise Unusable(value.detail)
