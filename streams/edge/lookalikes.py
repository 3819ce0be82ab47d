"""Normalises texts that look alike: fullwidth letters, digits of other scripts, spaces and dashes that are not ASCII."""

import re
import unicodedata

__all__ = ["ODD", "is_plain", "normal"]

_SPACES = "\u00a0\u2000-\u200a\u2010-\u2015\u202f\u205f\u2212\u3000"  # dashes as well
_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_DIGITS = "".join(
    f"{chr(zero)}-{chr(zero + 9)}"
    for zero in range(0x660, 0xAC00, 2)
    if unicodedata.decimal(chr(zero), None) == 0
)
_LETTERS = "\u2460-\u249b\ufe6b\uff0b\uff10-\uff19\uff20-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff"
# What makes another text of the form that is compared; RE2 understands it too. Spaces count between digits alone.
ODD = (
    rf"[{_DIGITS}{_LETTERS}]|[0-9)+] ?[{_SPACES}{_INVISIBLE}][{_SPACES}{_INVISIBLE} ]{{0,2}}[0-9(]"
    rf"|[A-Za-z0-9][{_INVISIBLE}][A-Za-z0-9]"
)
_DASH = re.compile("[\u2010-\u2015\u2212]")
_NOTHING = re.compile(f"[{_INVISIBLE}]")
_DIGIT = re.compile(r"[^\D0-9]")
_CHANGES = re.compile(rf"[{_DIGITS}{_SPACES}{_INVISIBLE}]")


def is_plain(text: str) -> bool:
    """Return whether no letter or digit of a text is another one in its normal form, in small letters; cheap."""
    return text.isascii() or (
        unicodedata.is_normalized("NFKC", text)
        and not _CHANGES.search(text)
        and text.casefold() == text.lower()
    )


def normal(text: str) -> str:
    """Return a text in NFKC with ASCII digits and dashes, and without what cannot be seen.

    >>> normal("zoe\uff20example.com \u0660\u0666\u00a0\uff13\uff19")
    'zoe@example.com 06 39'
    """
    if text.isascii():
        return text
    text = _NOTHING.sub("", _DASH.sub("-", unicodedata.normalize("NFKC", text)))
    return _DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), text)
