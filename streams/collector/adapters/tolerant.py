"""Parses JSON of other protocols so that an unusable value is replaced in its place and harms no other.

What JSON does not have (NaN, Infinity), numbers beyond a float's range, integers of thousands of digits, values that
are nested too deeply, and items that are no JSON become `UnusableValue`. Half a surrogate pair and bytes that are not
UTF-8 stay in texts as lone surrogates: `well_formed` puts U+FFFD in their place where a text is only shown.
"""

import json
import math
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pydantic_core import from_json

from streams.edge.redact import shown
from streams.text.json_parts import TooManyPartsError, members, parts, pruned
from streams.text.json_parts import depth as depth_of

__all__ = ["MAX_DEPTH", "Unusable", "UnusableValue", "is_plain", "judged", "one", "split", "well_formed"]

MAX_DEPTH = 64  # levels of one item
_MOST = 5_000  # items that are read one by one
_PAGES = 8  # objects inside one another whose items are read one by one
_SHOWN_PARTS = 3  # of a pointer
# Numbers that may be infinite as a float, or too long for an integer.
_HUGE = re.compile(rb"[:,\[\s]-?\d[\d.]*[eE]\+?\d{3}|(?<!\d)\d{308}")
_NO_JSON = "not JSON in UTF-8"


@dataclass(frozen=True, slots=True)
class UnusableValue:
    """The replacement of an unusable value: a code of `streams.edge.REASONS`, and why; nothing of it is kept.

    `pointer` is where in the value the fault is.
    """

    reason: str
    detail: str
    pointer: str = ""


class Unusable(ValueError):  # noqa: N818 - it is an answer, not a failure of ours
    """An error of an unusable value that an event needs; the message never quotes it."""


def is_plain(text: bytes) -> bool:
    """Whether a strict parser reads this text to what it says: nothing nested too deeply, no huge number."""
    brackets = text.count(b"[") + text.count(b"{")
    return (brackets <= MAX_DEPTH or depth_of(text) <= MAX_DEPTH) and not _HUGE.search(text)


def one(text: bytes, deepest: int = MAX_DEPTH) -> Any:
    """Return a value of JSON; unusable parts of it are `UnusableValue`.

    Raises
    ------
    ValueError
        It is no JSON; the message may quote it.
    """
    if is_plain(text):
        try:
            return from_json(text, allow_inf_nan=False)
        except ValueError:
            pass
    shallow = pruned(text, deepest)
    constant = partial(_constant, is_cut=shallow is not text)
    try:
        return json.loads(
            shallow.decode("utf-8", "surrogateescape"),
            parse_constant=constant,
            parse_float=_float,
            parse_int=_int,
        )
    except RecursionError:  # unbalanced brackets
        raise ValueError(_NO_JSON) from None


def split(text: bytes, lists: tuple[str, ...], inner: tuple[str, ...] = (), depth: int = _PAGES) -> Any:
    """Return an array, or an object with arrays of these names, whose items are read one by one.

    An item that is no JSON or holds an unusable value is `UnusableValue`, and so is another member of the object.
    Members that are named in `inner` and are objects are split likewise, a few of them inside one another.

    Raises
    ------
    ValueError
        The text is neither an array nor an object, or has more than 5,000 items (TooManyPartsError).
    """
    if (items := parts(text, most=_MOST)) is not None:
        return [_item(item) for item in items]
    found = members(text, _MOST)
    if found is None:
        raise ValueError(_NO_JSON)
    return {
        name: _split_member(name, value, lists, inner, depth) for key, value in found for name in [_name(key)]
    }


def _split_member(name: str, value: bytes, lists: tuple[str, ...], inner: tuple[str, ...], depth: int) -> Any:
    if name in lists and (items := parts(value, most=_MOST)) is not None:
        return [_item(item) for item in items]
    if name in inner and depth and value[:1] == b"{":
        try:
            return split(value, lists, inner, depth - 1)
        except TooManyPartsError:
            raise
        except ValueError:
            pass
    return _item(value, MAX_DEPTH - 1)


def judged(value: Any) -> Any:
    """Return a value; if it holds an unusable one, `UnusableValue`, with the pointer to the first of them."""
    if isinstance(value, UnusableValue):
        return value
    fault = _fault(value)
    if fault is None:
        return value
    path, why = fault
    own = "".join(f"/{_escaped(name)}" for name in path[:_SHOWN_PARTS])
    return replace(why, pointer=own + why.pointer)


def _fault(value: Any) -> tuple[list[str | int], UnusableValue] | None:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        if item.__class__ is UnusableValue:
            return [name], item
        if item.__class__ in {dict, list} and (found := _fault(item)) is not None:
            return [name, *found[0]], found[1]
    return None


def well_formed(text: str) -> str:
    r"""Return a text with U+FFFD for each half of a surrogate pair, or byte that is not UTF-8.

    >>> well_formed("half \ud83d of it").encode()
    b'half \xef\xbf\xbd of it'
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _item(text: bytes, deepest: int = MAX_DEPTH) -> Any:
    try:
        return judged(one(text, deepest))
    except ValueError:
        return UnusableValue("not_json", _NO_JSON)


def _name(key: bytes) -> str:
    found = one(key)
    if not isinstance(found, str):
        raise ValueError(_NO_JSON)  # noqa: TRY004 - it is the text that is wrong
    return found


def _constant(name: str, *, is_cut: bool) -> UnusableValue:
    if is_cut and name == "-Infinity":
        return UnusableValue("bad_value", f"nested deeper than {MAX_DEPTH} levels")
    return UnusableValue("bad_value", "NaN and Infinity are not JSON")


def _float(digits: str) -> float | UnusableValue:
    found = float(digits)
    return (
        found if math.isfinite(found) else UnusableValue("bad_value", "a number beyond the range of a double")
    )


def _int(digits: str) -> int | UnusableValue:
    try:
        return int(digits)
    except ValueError:
        return UnusableValue("bad_value", "a number of more than 4,300 digits")


def _escaped(name: str | int) -> str:
    return (
        (str(name) if isinstance(name, int) else shown(well_formed(name)))
        .replace("~", "~0")
        .replace("/", "~1")
    )
