"""Finds events that may repeat their handles in other texts, at a fraction of the cost of the search for them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from schemas.event import HandleKind
from streams.edge.codes import CODES
from streams.edge.fast_path import Columns
from streams.edge.lookalikes import is_plain
from streams.edge.own_handles import NO_WORDS, SHORTEST, folded, needles

__all__ = ["Wanted", "suspects", "wanted"]

_END = b"\xff"  # of the texts of an event; no text has it
_TEXTS = ("content", *CODES, "cause")

Wanted = tuple[tuple[bytes, ...], tuple[str, ...]]
"""What to look for in the folded texts of an event: ASCII, and what is not."""


def wanted(handles: Mapping[HandleKind, str | list[str]]) -> Wanted:
    """Return what to look for, of handles as they came."""
    plain: set[bytes] = set()
    others: set[str] = set()
    for text in needles(handles):
        if text.isascii():
            one = text.encode().translate(None, NO_WORDS).lower()
            plain.add(_number(one.decode()).encode() if one.isdigit() else one)
        elif (small := _number(folded(text))).isascii():
            plain.add(small.encode())
        else:
            others.add(small)
    return _shortest(plain), tuple(others)


def suspects(places: Sequence[int], columns: Columns, sought: Iterable[Wanted | None]) -> set[int]:
    """Return the places of events one of whose handles may be in another of their texts; None is not looked for."""
    if not places:
        return set()
    texts = _texts(columns)
    small = texts.translate(None, NO_WORDS).lower().split(_END)
    whole = texts.split(_END)
    is_ascii = b"".join(whole).isascii()
    found: set[int] = set()
    for row, (each, text) in enumerate(zip(sought, small, strict=False)):
        if each is None:
            continue
        plain, others = each
        for one in plain:
            if one in text:
                found.add(places[row])
                break
        else:
            if (others or not (is_ascii or whole[row].isascii())) and _are_in(plain, others, whole[row]):
                found.add(places[row])
    return found


def _texts(columns: Columns) -> bytes:
    """Return what each event says besides its handles, and an end."""
    texts = [columns.texts[name].cast(pa.binary()) for name in _TEXTS]
    properties = pa.array(columns.values["properties"], pa.binary())
    joined = pc.binary_join_element_wise(*texts, properties, _END, b"")
    return cast("bytes", joined.buffers()[2].to_pybytes())


def _are_in(plain: Iterable[bytes], others: Iterable[str], text: bytes) -> bool:
    """Return whether a text has any of the values that its bytes do not show: not ASCII themselves, or in lookalikes."""
    read = text.decode("utf-8", "replace")
    as_it_is = is_plain(read)
    if as_it_is and not others:
        return False
    small = folded(read)
    return any(one in small for one in others) or (
        not as_it_is and any(one.decode() in small for one in plain)
    )


def _shortest(texts: set[bytes]) -> tuple[bytes, ...]:
    """Return what to look for: of one in another the inner one."""
    if len(texts) <= 1:  # most events
        return tuple(texts)
    return tuple([text for text in texts if not any(one in text for one in texts if one is not text)])


def _number(text: str) -> str:
    """Return of digits what a number has of them."""
    if not text.isdigit():
        return text
    number = text.lstrip("0")
    return number if len(number) >= SHORTEST else text
