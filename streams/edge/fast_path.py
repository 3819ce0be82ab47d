"""Parses plainly valid events in a quarter of the time of the contract, to which it leaves all others.

What is read here, `schemas.event` reads to the same values. The parser is another one, and a test holds them to that.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import nan
from operator import attrgetter
from typing import Annotated, Any, Literal

import pyarrow as pa
from msgspec import UNSET, Meta, MsgspecError, Raw, Struct, UnsetType
from msgspec.json import Decoder
from msgspec.structs import astuple, fields

from schemas.currency import CURRENCIES
from schemas.event import MAX_AMOUNT, MAX_HANDLES, MAX_NAME, HandleKind

__all__ = ["ABSENT", "TEXTS", "VALUES", "Columns", "is_type", "read", "read_handles"]

# The contract's parser refuses numbers of more than 4,300 digits and tables nested deeper than 200: lines in which
# there is room for that are its own business.
_LONGEST = 4_096
_SURELY_SHALLOW = 512  # bytes: fewer than an event and 200 pairs of brackets take
_MAX_BRACKETS = 100

_BLOCK = 1_024  # events that are objects at a time; fewer cost more in small arrays
_UNREAD = (MsgspecError, UnicodeDecodeError, RecursionError)
_TYPE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_Names = Annotated[list[Name], Meta(min_length=1, max_length=MAX_HANDLES)]
_Handles = Annotated[dict[HandleKind, Name | _Names], Meta(min_length=1)]


class _Interaction(Struct, gc=False, forbid_unknown_fields=True):
    handles: Raw
    brand: Annotated[str, Meta(min_length=1, max_length=64)]
    content: Name = ""
    product: Name = ""
    place: Name = ""
    campaign: Name = ""
    device: Name = ""
    amount: Annotated[float, Meta(ge=-MAX_AMOUNT, le=MAX_AMOUNT)] = nan
    currency: Literal[tuple(sorted(CURRENCIES))] = ""  # type: ignore[valid-type]
    rating: Annotated[float, Meta(ge=0, le=10)] = nan
    sentiment: Annotated[float, Meta(ge=-1, le=1)] = nan
    cause: Name = ""
    consent: Literal["granted", "denied"] = ""  # type: ignore[assignment]
    properties: Raw = Raw(b"")


class _Event(Struct, gc=False):
    id: Name
    source: Name
    type: Annotated[str, Meta(max_length=64)]
    time: Annotated[str, Meta(max_length=40)]
    data: _Interaction
    specversion: Literal["1.0"] = "1.0"
    subject: Name = ""
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Name = ""
    data_base64: UnsetType = UNSET  # what holds it is decoded, or refused by the contract


_ENVELOPE = ("id", "source", "type", "time")
_GET = [attrgetter(name) for name in _ENVELOPE]
_DATA = _Interaction.__struct_fields__
VALUES = ("id", "source", "handles", "amount", "rating", "sentiment", "properties")
_RAW = {"handles", "properties"}
TEXTS = tuple(name for name in _ENVELOPE + _DATA if name not in VALUES)
ABSENT: dict[str, Any] = {field.name: field.default for field in fields(_Interaction) if not field.required}
_decode = Decoder(_Event).decode
_decode_handles = Decoder(_Handles).decode


@dataclass(slots=True)
class Columns:
    """The values of events by field of the contract; absent ones are as in ABSENT.

    VALUES are lists: they are looked at one by one. TEXTS are Arrow strings.
    """

    values: dict[str, list[Any]]
    texts: dict[str, pa.Array]


def read(lines: Sequence[bytes]) -> tuple[list[int], Columns]:
    """Return the places of the lines that could be read, and their columns.

    `handles` and `properties` are JSON text yet, as `time` is text. Left to be looked at: these, type, and whether
    an amount has a currency.
    """
    places: list[int] = []
    values: dict[str, list[Any]] = {name: [] for name in VALUES}
    texts: dict[str, list[pa.Array]] = {name: [pa.array([], pa.string())] for name in TEXTS}
    is_text = _is_text(b"\n".join(lines))
    for start in range(0, len(lines), _BLOCK):
        found, events = _decoded(lines[start : start + _BLOCK], is_text=is_text)
        places.extend([start + place for place in found])
        for name, column in _columns(events):
            if name in values:
                values[name].extend(map(bytes, column) if name in _RAW else column)
            else:
                texts[name].append(pa.array(column, pa.string()))
    return places, Columns(values, {name: pa.concat_arrays(parts) for name, parts in texts.items()})


def _decoded(lines: Sequence[bytes], *, is_text: bool) -> tuple[Sequence[int], list[_Event]]:
    """Return the places of the lines that could be read, and the events; all at once where all of them can."""
    if is_text and (max(map(len, lines)) <= _SURELY_SHALLOW or all(map(_is_shallow, lines))):
        try:
            return range(len(lines)), list(map(_decode, lines))
        except _UNREAD:
            pass
    places, events = list[int](), list[_Event]()
    for place, line in enumerate(lines):
        if (len(line) <= _SURELY_SHALLOW or _is_shallow(line)) and (is_text or _is_text(line)):
            try:
                events.append(_decode(line))
            except _UNREAD:
                continue
            places.append(place)
    return places, events


def _columns(events: list[_Event]) -> Iterator[tuple[str, Iterable[Any]]]:
    for name, get in zip(_ENVELOPE, _GET, strict=True):
        yield name, list(map(get, events))
    yield from zip(_DATA, zip(*[astuple(event.data) for event in events], strict=True), strict=bool(events))


def _is_shallow(line: bytes) -> bool:
    return len(line) <= _LONGEST and line.count(b"[") + line.count(b"{") <= _MAX_BRACKETS


def _is_text(lines: bytes) -> bool:
    """Whether all of it is UTF-8: what the decoder skips, it does not look into."""
    if lines.isascii():
        return True
    try:
        lines.decode()
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
