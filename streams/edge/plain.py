"""Events that the contract plainly takes, read in a quarter of its time; all that is unusual is left to the contract.

What is read here, `schemas.event` reads to the same values. The parser is another one, and a test holds them to that.
"""

import re
from collections.abc import Sequence
from math import nan
from typing import Annotated, Literal

from msgspec import Meta, MsgspecError, Raw, Struct
from msgspec.json import Decoder

from schemas.currency import CURRENCIES
from schemas.event import MAX_HANDLES, MAX_NAME, HandleKind

__all__ = ["Event", "Interaction", "is_type", "read", "read_handles"]

# The contract's parser refuses numbers of more than 4,300 digits and tables nested deeper than 200: lines in which
# there is room for that are its own business.
_LONGEST = 4_096
_SURELY_SHALLOW = 512  # bytes: fewer than an event and 200 pairs of brackets take
_MAX_BRACKETS = 100

_UNREAD = (MsgspecError, UnicodeDecodeError, RecursionError)
_TYPE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_NONE = Raw(b"")

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_Names = Annotated[list[Name], Meta(min_length=1, max_length=MAX_HANDLES)]
_Handles = Annotated[dict[HandleKind, Name | _Names], Meta(min_length=1)]


class Interaction(Struct, gc=False, forbid_unknown_fields=True):
    """The `data` of an event; what is absent is empty text or NaN. `handles` and `properties` stay JSON text."""

    brand: Annotated[str, Meta(min_length=1, max_length=64)]
    handles: Raw
    content: Name = ""
    product: Name = ""
    place: Name = ""
    campaign: Name = ""
    device: Name = ""
    amount: Annotated[float, Meta(ge=-1e10, le=1e10)] = nan
    currency: Literal[tuple(sorted(CURRENCIES))] = ""  # type: ignore[valid-type]
    rating: Annotated[float, Meta(ge=0, le=10)] = nan
    sentiment: Annotated[float, Meta(ge=-1, le=1)] = nan
    cause: Name = ""
    properties: Raw = _NONE


class Event(Struct, gc=False):
    """An event as it came in; `time` is text yet."""

    id: Name
    source: Name
    type: Annotated[str, Meta(max_length=64)]
    time: Annotated[str, Meta(max_length=40)]
    data: Interaction
    specversion: Literal["1.0"] = "1.0"
    subject: Name = ""
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Name = ""


_decode = Decoder(Event).decode
_decode_handles = Decoder(_Handles).decode


def read(lines: Sequence[bytes]) -> tuple[list[int], list[Event]]:
    """Return the places of the lines that could be read, and their events.

    Left to be looked at: type, time, an amount without a currency, handles, properties.
    """
    places, events = [], []
    is_ascii = b"".join(lines).isascii()
    for place, line in enumerate(lines):
        if (len(line) <= _SURELY_SHALLOW or _is_shallow(line)) and (is_ascii or _is_utf8(line)):
            try:
                events.append(_decode(line))
            except _UNREAD:
                continue
            places.append(place)
    return places, events


def _is_shallow(line: bytes) -> bool:
    return len(line) <= _LONGEST and line.count(b"[") + line.count(b"{") <= _MAX_BRACKETS


def _is_utf8(line: bytes) -> bool:
    """Whether all of the line is text: what the decoder skips, it does not look into."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_handles(text: bytes) -> dict[HandleKind, str | list[str]] | None:
    """Return the handles of an event, None where the contract has to look."""
    try:
        return _decode_handles(text)
    except _UNREAD:
        return None


def is_type(text: str) -> bool:
    """Whether this is an event type, as the contract has it."""
    return _TYPE.fullmatch(text) is not None
