"""Removes an event's handles where its other texts repeat them, in any spelling and encoding.

Texts are compared *folded*: letters and digits alone, in small letters. That is fast and finds too much; what is found
by it is looked for with a pattern, which knows where something may stand between the letters and digits of a handle.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from string import ascii_letters, digits
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from journey.identity.address import spellings
from journey.identity.handle import NOBODY, normalise
from schemas.event import HandleKind
from streams.edge.codes import CODES
from streams.edge.fast_path import Columns, read_handles
from streams.edge.lookalikes import is_plain, normal
from streams.edge.personal_forms import decoded

__all__ = ["SHORTEST", "Own", "Repeated", "needles"]

SHORTEST = 6  # characters: shorter values are found in words that mean something else
_PHONE_DIGITS = 8  # the last ones of a phone number, which are the same in all ways to write it
_REMEMBERED = 100_000  # handles as they came in the cache; when it is full, it is cleared
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
_END = b"\xff"  # of the texts of an event; no text has it
_NO_WORDS = bytes(set(range(0xFF)) - set((ascii_letters + digits).encode()))
_TEXTS = ("content", *CODES, "cause")

_Wanted = tuple[tuple[bytes, ...], tuple[str, ...]]  # folded; those that are not ASCII


def needles(handles: Mapping[str, Any] | Mapping[HandleKind, Any]) -> frozenset[str]:
    """Return what to look for in other texts, in small letters; of a phone number its last digits."""
    found: set[str] = set()
    for kind, values in handles.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, str | int) and not isinstance(value, bool):
                text = str(value).strip().lower()
                found.update(_forms(kind, text))
                if not text.isascii():
                    found.update(_forms(kind, normal(text)))
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
        return text.encode().translate(None, _NO_WORDS).decode().lower()
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


class Own:
    """A cheap filter for events that may repeat their handles, at a fraction of the cost of the search."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Wanted] = {}

    def suspects(self, places: Sequence[int], columns: Columns) -> set[int]:
        """Return the places of events one of whose handles may be in another of their texts."""
        if not places:
            return set()
        known, texts = self._known, _texts(columns)
        found: set[int] = set()
        small = texts.translate(None, _NO_WORDS).lower().split(_END)
        whole = texts.split(_END)
        for row, handles in enumerate(columns.values["handles"]):
            wanted, others = known.get(handles) or self._learn(handles)
            if any(one in small[row] for one in wanted) or (
                (others or not whole[row].isascii()) and _are_in(wanted, others, whole[row])
            ):
                found.add(places[row])
        return found

    def _learn(self, text: bytes) -> _Wanted:
        wanted = _shortest(needles(read_handles(text) or {}))
        plain = [one.encode() for one in wanted if one.isascii()]
        found = tuple(plain), tuple([one for one in wanted if not one.isascii()])
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[text] = found
        return found


def _texts(columns: Columns) -> bytes:
    """Return what each event says besides its handles, and an end."""
    texts = [columns.texts[name].cast(pa.binary()) for name in _TEXTS]
    properties = pa.array(columns.values["properties"], pa.binary())
    joined = pc.binary_join_element_wise(*texts, properties, _END, b"")
    return cast("bytes", joined.buffers()[2].to_pybytes())


def _are_in(wanted: Iterable[bytes], others: Iterable[str], text: bytes) -> bool:
    """Return whether a text has any of the values that its bytes do not show: not ASCII themselves, or in lookalikes."""
    read = text.decode("utf-8", "replace")
    plain = is_plain(read)
    if plain and not others:
        return False
    small = folded(read)
    return any(one in small for one in others) or (not plain and any(one.decode() in small for one in wanted))


def _shortest(wanted: Iterable[str]) -> list[str]:
    """Return what to look for in folded texts: of digits what a number has of them, of one in another the inner one."""
    texts = {_number(folded(text)) for text in wanted}
    if len(texts) == 1:  # most events
        return list(texts)
    return [text for text in texts if not any(one in text for one in texts if one is not text)]


def _number(text: str) -> str:
    if not text.isdigit():
        return text
    number = text.lstrip("0")
    return number if len(number) >= SHORTEST else text
