"""Replaces unknown values by their shape, such as `xxx 99`: what may be shown of a value that may be personal."""

import re
from collections.abc import Callable
from typing import Any, get_type_hints

from journey.identity.handle import KINDS
from schemas.event import EventV1, InteractionV1

__all__ = ["FIELDS", "is_shape", "shape", "shown"]

FIELDS = frozenset(get_type_hints(EventV1)) | frozenset(get_type_hints(InteractionV1)) | frozenset(KINDS)
_WORDS = FIELDS | {"true", "false", "null", "#"}
_HASHED = re.compile(r"#[0-9a-f]{16}(?![0-9A-Za-z])|[^\W_]+(?:_[^\W_]+)*|_+|[^\x20-\x7e]")
_LARGEST = 10**5  # numbers below are shown: they have fewer digits than any handle that is looked for
_SHAPE = "#"  # the first of two in a list, which no field of the contract takes for a value
_DEEPEST = 20  # levels that are shown
_NAME = re.compile(r"[a-z_]{1,20}|[0-9]{1,3}")  # no encoding of anything that tells of somebody
_LONGEST = 64  # characters of a name whose shape is shown


def _no(_: str) -> bool:
    return False


def shape(value: Any, is_own: Callable[[str], bool] = _no, depth: int = _DEEPEST) -> Any:
    """Return a value of JSON with texts and large numbers as their shape, names of fields as `shown` has them.

    >>> shape({"tel": "06 39 98 77 50", "n": 7})
    {'tel': ['#', '99 99 99 99 99'], 'n': 7}
    """
    if isinstance(value, str):
        return [_SHAPE, of_text(value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if abs(value) < _LARGEST and value == round(value, 4) else [_SHAPE, of_text(str(value))]
    if value is None or isinstance(value, bool) or is_shape(value):
        return value
    if not depth:
        return None
    if isinstance(value, dict):
        return {shown(name, is_own): shape(item, is_own, depth - 1) for name, item in value.items()}
    return [shape(item, is_own, depth - 1) for item in value]


def is_shape(value: Any) -> bool:
    """Return whether a value is a shape already."""
    match value:
        case ["#", str(text)]:
            return of_text(text) == text
    return False


def of_text(text: str) -> str:
    """Return a text with x for letters and 9 for digits, but for hashes and words of the contract.

    >>> of_text("email=ann@example.com;+33 6")
    'email=xxx@xxxxxxx.xxx;+99 9'
    """
    return _HASHED.sub(_class, text)


def _class(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] == "#" or text in _WORDS:
        return text
    return "".join("9" if letter.isdigit() else letter if letter == "_" else "x" for letter in text)


def shown(name: str, is_own: Callable[[str], bool] = _no) -> str:
    """Return the name of a field as it may be shown: a word of the contract, or a short one in small letters.

    Of all others, the shape, of long ones `?`; so of what `is_own`, a name that identifies somebody.

    >>> shown("colour"), shown("campaign"), shown("YW5uQGV4YW1wbGUuY29t"), shown("ann@example.com")
    ('colour', 'campaign', 'xxxxxxxxxxxxxxxxxxxx', 'xxx@xxxxxxx.xxx')
    """
    if name in FIELDS or name == "data_base64" or (_NAME.fullmatch(name) and not is_own(name)):
        return name
    return of_text(name) if len(name) <= _LONGEST else "?"
