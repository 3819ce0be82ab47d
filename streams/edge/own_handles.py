"""Removes an event's handles where its other texts repeat them, in any spelling and encoding.

Texts are compared *folded*: letters and digits alone, in small letters. That is fast and finds too much; what is found
by it is looked for with a pattern, which knows where something may stand between the letters and digits of a handle.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from string import ascii_letters, digits
from typing import Any

from journey.identity.address import spellings
from journey.identity.handle import NOBODY, normalise
from schemas.event import HandleKind
from streams.edge.lookalikes import normal
from streams.edge.personal_forms import decoded

__all__ = ["NO_WORDS", "SHORTEST", "Repeated", "folded", "needles"]

SHORTEST = 6  # characters: shorter values are found in words that mean something else
_PHONE_DIGITS = 8  # the last ones of a phone number, which are the same in all ways to write it
_SPELT = 1_024  # characters of all values, the shortest first, that are found in other spellings; others as they are
_BETWEEN = r"[\W_]{0,3}"  # digits of a number, or letters and digits
_GAP = r"[\W_]{0,8}"  # where a handle has spaces, dashes, dots
_GAP_OF_SHORT = r"[\W_]{1,8}"  # without which it is too short
_PARTS = re.compile(r"[^\W\d_]+|\d| ")
_DIGITS = re.compile(r"\d")
_NO_DIGITS = re.compile(r"[^\W\d_]|[#;,]")  # letters of 1-800-FLOWERS, an extension
_BETWEEN_GROUPS = re.compile(r"[\s\-]")
_NO_WORD = re.compile(r"[\W_]+")
_LONGEST = 32  # digits of a handle that are compared with numbers
_LARGEST = 10**_LONGEST
# Bytes that are left out of what is ASCII; but for 255, which no text has, and which may stand between texts.
NO_WORDS = bytes(set(range(0xFF)) - set((ascii_letters + digits).encode()))
_SPELT_OTHERWISE = frozenset({"email", "phone"})  # kinds


def needles(handles: Mapping[str, Any] | Mapping[HandleKind, Any]) -> frozenset[str]:
    """Return what to look for in other texts, in small letters; of a phone number its last digits."""
    found: set[str] = set()
    for kind, values in handles.items():
        for value in values if isinstance(values, list) else [values]:
            if value.__class__ is str or (isinstance(value, int) and not isinstance(value, bool)):
                text = str(value).strip().lower()
                found.update(_forms(kind, text))
                if not text.isascii():
                    found.update(_forms(kind, normal(text)))
                if kind in _SPELT_OTHERWISE:
                    found.update(_other_forms(kind, text))
    return frozenset([text for text in found if len(text) >= SHORTEST and text not in NOBODY])


def _other_forms(kind: str, text: str) -> Iterator[str]:
    """Yield an e-mail address in its other spellings, and the digits of a phone number that is not written in digits alone."""
    if kind == "email" and ("xn--" in text or ":" in text or "<" in text or not text.isascii()):
        yield from filter(None, [normalise(kind, text), *spellings(text)])
    elif kind == "phone" and _NO_DIGITS.search(text) and (number := normalise(kind, text)):
        yield from _forms(kind, number.partition(";")[0])


def _forms(kind: str, text: str) -> tuple[str, ...]:
    if kind == "phone":
        number = "".join(_DIGITS.findall(text))
        return (number[-_PHONE_DIGITS:],) if len(number) >= _PHONE_DIGITS else ()
    if kind == "social":
        return text, text.rpartition(":")[2].strip().lstrip("@")
    if not text[:1].isalpha() and (number := _BETWEEN_GROUPS.sub("", text)).isdigit():
        return text, number
    return (text,)


def folded(text: str) -> str:
    """Return the letters and digits of a text in small letters: the same for all its spellings.

    >>> folded("Jean-Dupont77"), folded("06.39\u00a098 77 50")
    ('jeandupont77', '0639987750')
    """
    if text.isascii():
        return text.encode().translate(None, NO_WORDS).decode().lower()
    return _NO_WORD.sub("", normal(text).casefold())


class Repeated:
    """A search for values in texts: whole words, in any case, whatever stands between their parts.

    Phone numbers are found with and without country.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self._wanted = sorted(wanted, key=lambda text: (len(text), text))
        lengths = accumulate(map(len, self._wanted))
        self._spelt = sum(length <= _SPELT for length in lengths)  # the first ones
        self._folded = [folded(text) for text in self._wanted]
        self._numbers = {int(text) for text in self._wanted if _is_digits(text)}
        self._patterns: dict[tuple[int, ...], re.Pattern[str]] = {}

    def hidden(self, text: str, mark: Callable[[str], str] = lambda _: "#") -> str:
        """Return a text without the values; one that has them in another encoding is marked as a whole."""
        if pattern := self._pattern(text):
            text = pattern.sub(lambda found: mark(found[0]), text)
        others = decoded(text)
        if not text.isascii():
            plain = normal(text)
            others = [plain, plain.casefold(), *others]
        return mark(text) if any(map(self._are_in, others)) else text

    def is_in(self, name: str) -> bool:
        """Return whether a short text has any of the values, as a part of a word too."""
        small = folded(name)
        return any(text in name.lower() for text in self._wanted) or any(
            text in small for text in self._folded if len(text) >= SHORTEST
        )

    def tells(self, number: float) -> bool:
        """Return whether a number is one of the values, whatever its sign and however many digits it has left out."""
        if not (abs(number) < _LARGEST and number == int(number)):
            return False
        if isinstance(number, float) and any(float(one) == abs(number) for one in self._numbers):
            return True
        whole = abs(int(number))
        return whole in self._numbers or self._are_in(str(whole))

    def _are_in(self, text: str) -> bool:
        pattern = self._pattern(text)
        return pattern is not None and pattern.search(text) is not None

    def _pattern(self, text: str) -> re.Pattern[str] | None:
        """Return what finds the values that may be in a text, None where there are none."""
        small = folded(text)
        places = tuple(place for place, one in enumerate(self._folded) if one in small)
        if places and places not in self._patterns:
            self._patterns[places] = self._compiled(places)
        return self._patterns.get(places)

    def _compiled(self, places: Sequence[int]) -> re.Pattern[str]:
        """Return the pattern of the values at some places, the longest first."""
        phones, words = ["(?!)"], ["(?!)"]
        for place in reversed(places):
            text = self._wanted[place]
            if _is_phone(text):
                phones.append(_phone(text))
            else:
                words.append(_spelt(text) if place < self._spelt else re.escape(text))
        return re.compile(
            rf"(?<![A-Za-z0-9])(?:{'|'.join(words)})(?![A-Za-z0-9])|(?<!\d)(?:{'|'.join(phones)})(?!\d)",
            re.IGNORECASE,
        )


def _is_digits(text: str) -> bool:
    return len(text) <= _LONGEST and text.isascii() and text.isdigit() and len(text.lstrip("0")) >= SHORTEST


def _is_phone(text: str) -> bool:
    return len(text) == _PHONE_DIGITS and text.isascii() and text.isdigit()


def _phone(number: str) -> str:
    return rf"(?:[+(]?\d[\d ().\-/]{{0,10}})?{_BETWEEN.join(number)}"


def _spelt(text: str) -> str:
    """Return the pattern of a value: between its digits, and where it has no letter or digit, others may stand."""
    parts = _PARTS.findall(_NO_WORD.sub(" ", text).strip())
    if not parts:
        return re.escape(text)
    is_short = len("".join(parts).replace(" ", "")) < SHORTEST
    gap = _GAP_OF_SHORT if is_short else _GAP
    spelt = ""
    for before, part in zip(["", *parts], parts, strict=False):
        meet = bool(before.strip() and part.strip()) and not is_short
        spelt += (_BETWEEN if meet else "") + (gap if part == " " else re.escape(part))
    return spelt
