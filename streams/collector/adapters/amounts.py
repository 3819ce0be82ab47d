"""Reads amounts as people and programs write them; what could be two amounts is no amount, and says why."""

import math
import re
import unicodedata
from typing import Any

from schemas.currency import CURRENCIES, minor_digits
from schemas.event import MAX_AMOUNT
from streams.collector.adapters.tolerant import Unusable, UnusableValue

__all__ = ["UnreadAmount", "amount", "money"]

_LONGEST = 40  # characters
_MACHINE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_DIGITS = re.compile(r"[\d.,][\d.,' ]*")
_GROUPS = r"\d{{1,3}}(?:{0}\d{{2,3}})*{0}\d{{3}}"
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_SELDOM_MINOR = frozenset({"IDR", "COP", "HUF", "LBP", "IQD", "MMK", "IRR"})  # whose decimals nobody writes
_SEPARATORS = str.maketrans({"\u2212": "-", "\u2019": "'", "\u066b": ".", "\u066c": ","})
# Signs of one currency, and those that several have in common.
_SIGNS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₺": "TRY", "₩": "KRW", "₫": "VND",
    "₴": "UAH", "₪": "ILS", "฿": "THB", "₱": "PHP", "₦": "NGN", "zł": "PLN", "kč": "CZK", "rp": "IDR", "r$": "BRL",
    "us$": "USD", "ca$": "CAD", "c$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "mx$": "MXN",
}  # fmt: skip
_SHARED = {
    "$": (
        "USD", "ARS", "AUD", "BBD", "BMD", "BND", "BSD", "BZD", "CAD", "CLP", "COP", "CUP", "CVE", "DOP", "FJD", "GYD", "HKD", "JMD",
        "KYD", "LRD", "MOP", "MXN", "NAD", "NIO", "NZD", "SBD", "SGD", "SRD", "TOP", "TTD", "TWD", "UYU", "WST", "XCD",
    ),
    "¥": ("CNY", "JPY"), "kr": ("DKK", "ISK", "NOK", "SEK"),
}  # fmt: skip


class UnreadAmount(ValueError):  # noqa: N818 - it is an answer, not a failure of ours
    """An error of what is no amount, or could be two; the message never quotes it."""


def money(value: Any, currency: str, usual: str = "") -> tuple[float, str] | None:
    """Return an amount and its currency, the given one, that of its sign or the `usual` one; None without an amount.

    Raises
    ------
    UnreadAmount
        It is no amount, could be two, or its sign or code is not of the given currency, or of several without one.
    Unusable
        It could not be read as JSON.
    """
    found = amount(value)
    if found is None:
        return None
    number, own = found
    if (
        isinstance(value, str)
        and (code := currency or (own[0] if len(own) == 1 else ""))
        and _THOUSANDS.fullmatch(value.strip())
    ):
        if minor_digits(code) == 0:
            number = round(number * 1_000)  # 250.000 dong: there are no decimals
        elif code in _SELDOM_MINOR:
            raise UnreadAmount("it could be thousands or decimals: give a number, or two decimals")
    known = currency or (own[0] if len(own) == 1 else usual)
    if own and known not in own:
        beside = "it names another currency than the one beside it"
        raise UnreadAmount(beside if currency else "its sign is of several currencies")
    return number, known


def amount(value: Any, most: float = MAX_AMOUNT) -> tuple[float, tuple[str, ...]] | None:
    """Return an amount and the currencies that its sign or code may mean, none where it has neither; None where nothing is given.

    Raises
    ------
    UnreadAmount
        It is no amount, could be two, or is beyond `most`.
    Unusable
        It could not be read as JSON.

    >>> amount("1.234,56 €"), amount("12.50"), amount(" ")
    ((1234.56, ('EUR',)), (12.5, ()), None)
    """
    if value.__class__ is UnusableValue:
        raise Unusable(value.detail)
    currencies: tuple[str, ...] = ()
    if isinstance(value, str):
        if not value.strip():
            return None
        number, currencies = _of_text(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) <= most else math.inf
    elif value is None:
        return None
    else:
        raise UnreadAmount("it is neither a number nor a text")
    if not abs(number) <= most:
        raise UnreadAmount(f"it is beyond {most:,.0f}")
    return number + 0.0, currencies  # no minus zero


def _of_text(value: str) -> tuple[float, tuple[str, ...]]:
    if len(value) > _LONGEST:
        raise UnreadAmount("it is no amount")
    text = "".join(map(_plain, unicodedata.normalize("NFKC", value).translate(_SEPARATORS))).strip()
    if _MACHINE.fullmatch(text):
        return float(text), ()
    found = _DIGITS.search(text)
    if found is None:
        raise UnreadAmount("it is no amount")
    digits = found[0].strip()
    before, after = text[: found.start()], text[found.end() :]
    sign = -1.0 if "-" in before else 1.0
    beside = re.sub(r"[+-]", "", before, count=1).strip(), after.strip()
    names = [name for name in beside if name]
    if len(names) > 1:
        raise UnreadAmount("it has something before and behind the number")
    return sign * _number(digits, is_shown=bool(names)), _currencies(names[0]) if names else ()


def _plain(letter: str) -> str:
    """Return a digit of any script as one of ASCII."""
    digit = unicodedata.decimal(letter, None)
    return letter if digit is None else str(digit)


def _currencies(name: str) -> tuple[str, ...]:
    code, sign = name.upper(), name.lower().removesuffix(".")
    if code in CURRENCIES:
        return (code,)
    if sign in _SHARED:
        return _SHARED[sign]
    if sign not in _SIGNS:
        raise UnreadAmount("what stands beside the number is no currency")
    return (_SIGNS[sign],)


def _number(digits: str, *, is_shown: bool) -> float:
    """Return the number of digits with separators; `is_shown` beside the name of a currency, as people read it."""
    decimal = _decimal(digits, is_shown=is_shown)
    whole, _, rest = digits.rpartition(decimal) if decimal else (digits, "", "")
    marks = {mark for mark in whole if not mark.isdigit()}
    if len(marks) > 1 or not (rest.isdigit() or not decimal):
        raise UnreadAmount("it is no amount")
    if marks and not re.fullmatch(_GROUPS.format(re.escape(marks.copy().pop())), whole):
        raise UnreadAmount("its digits are grouped in no known way")
    return float(re.sub(r"\D", "", whole) + "." + (rest or "0"))


def _decimal(digits: str, *, is_shown: bool) -> str:
    """Return which mark separates the decimals, "" where none does."""
    last = max(digits.rfind(","), digits.rfind("."))
    if last < 0:
        return ""
    mark = digits[last]
    whole, behind = digits[:last], digits[last + 1 :]
    if digits.count(mark) > 1:
        return ""  # 1,234,567
    is_group = len(behind) == 3 and re.fullmatch(r"[1-9]\d{0,2}", whole)  # noqa: PLR2004 - digits of a thousand
    if is_group and (mark == "," or is_shown):
        raise UnreadAmount("it could be thousands or decimals: give a number, or two decimals")
    return mark
