"""Splits a JSON text at its brackets and commas, so that an error in one part is found when that part is parsed.

It distinguishes only texts, brackets, commas and colons; the work is linear in the size, whatever the text holds.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["BOM", "TooManyPartsError", "depth", "members", "parts", "pruned"]

BOM = b"\xef\xbb\xbf"  # the byte order mark that some programs write before UTF-8
_QUOTE, _ESCAPE = b'"\\'
_MARKS = np.zeros(256, bool)
_MARKS[list(b"[]{},")] = True
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1
_BLANK = b" \t\r\n"
_CUT = b"-Infinity"

Places = NDArray[np.int64]


class TooManyPartsError(ValueError):
    """An error of an array or object with more parts than its reader, who reads them one by one, allows."""


class _Marks(NamedTuple):
    """The positions of brackets and commas outside texts, and how many brackets are open behind each."""

    places: Places
    steps: NDArray[np.int8]
    opened: Places


def depth(text: bytes) -> int:
    """Return how many brackets are open at once, at most; those in texts do not count."""
    return int(_marks(text).opened.max(initial=0))


def parts(text: bytes, opening: bytes = b"[", most: int | None = None) -> list[bytes] | None:
    """Return what an array (or, with b"{", an object) holds between its commas; None where the text is none.

    Parts may be empty or no JSON: their reader finds out.

    Raises
    ------
    TooManyPartsError
        There are more than `most`.
    """
    whole = text.strip(_BLANK)
    if whole[:1] != opening:
        return None
    marks = _marks(whole)
    ends = np.flatnonzero(marks.opened <= 0)
    if not len(ends) or marks.places[ends[0]] != len(whole) - 1:
        return None  # never closed, or something stands behind it
    commas = marks.places[(marks.steps == 0) & (marks.opened == 1)].tolist()
    if most is not None and len(commas) >= most:
        raise TooManyPartsError(f"{len(commas) + 1:,} items, at most {most:,}: send smaller batches")
    starts, stops = [1, *(at + 1 for at in commas)], [*commas, len(whole) - 1]
    found = [whole[start:stop].strip(_BLANK) for start, stop in zip(starts, stops, strict=True)]
    return [] if found == [b""] else found


def members(text: bytes, most: int | None = None) -> Iterator[tuple[bytes, bytes]] | None:
    """Return the keys and values of an object, each unparsed; None where the text is no object. As `parts`."""
    found = parts(text, b"{", most)
    return None if found is None else map(_member, found)


def pruned(text: bytes, deepest: int) -> bytes:
    """Return a text in which every value that is nested deeper than this is -Infinity, which no JSON has."""
    marks = _marks(text)
    starts = marks.places[(marks.steps > 0) & (marks.opened == deepest + 1)].tolist()
    stops = marks.places[(marks.steps < 0) & (marks.opened == deepest)].tolist()
    if not starts:
        return text
    left, at = [], 0
    for start, stop in zip(
        starts, stops, strict=False
    ):  # one that is never closed stays: the text is no JSON
        left += [text[at:start], _CUT]
        at = stop + 1
    return b"".join([*left, text[at:]])


def _member(text: bytes) -> tuple[bytes, bytes]:
    """Return key and value; what has no key is all value, under the key b"", which is no JSON."""
    quotes = _quotes(np.frombuffer(text, np.uint8))
    end = int(quotes[1]) + 1 if len(quotes) > 1 else 0
    rest = text[end:].lstrip(_BLANK)
    return (text[:end], rest[1:].strip(_BLANK)) if rest[:1] == b":" and end else (b"", text)


def _marks(text: bytes) -> _Marks:
    codes = np.frombuffer(text, np.uint8)
    places = np.flatnonzero(_MARKS[codes])
    inside = np.searchsorted(_quotes(codes), places) % 2 == 1
    places = places[~inside]
    steps = _STEPS[codes[places]]
    return _Marks(places, steps, np.cumsum(steps, dtype=np.int64))


def _quotes(codes: NDArray[np.uint8]) -> Places:
    """Return the positions of the quotes that open and close texts: those behind an even number of backslashes."""
    quotes, escapes = np.flatnonzero(codes == _QUOTE), np.flatnonzero(codes == _ESCAPE)
    if not len(escapes):
        return quotes
    begins = np.diff(escapes, prepend=-2) > 1
    runs = np.maximum.accumulate(np.where(begins, escapes, 0))  # where the run of each backslash begins
    before = np.searchsorted(escapes, quotes) - 1
    length = np.where((before >= 0) & (escapes[before] == quotes - 1), quotes - runs[before], 0)
    closing: Places = quotes[length % 2 == 0]
    return closing
