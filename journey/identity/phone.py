"""Converts phone numbers to E.164 with libphonenumber's data.

A number is one when its length is *possible* in its country; whether it is in use is not asked: numbers made up for films
and examples, and ranges that are newer than the data, stay people.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

__all__ = ["SHORTEST", "international", "is_region", "spellings"]

SHORTEST = (
    5  # digits of a number whose country is not known: what is shorter is an emergency or service number
)
_LONGEST = 15  # digits of E.164
_PLAIN = re.compile(r"(?:\+|0?)[1-9][0-9 .()\-]*")
_SIGNS = str.maketrans("", "", " .()-")
_ODD = re.compile(r"[^\d+ .()\-/]")
_ODD_SIGNS = re.compile(r"[^\w+ .()\-/;=#,]|_")
_LETTER = re.compile(r"\d[^\W\d_]{1,2}\d")
_NOT_ZERO = frozenset("123456789")
_MISTYPED = 5  # of them, in a number that a letter came into
_ABROAD = "00"  # before a country's code in nearly all countries, and before a national number in none
_COUNTRY_DIGITS = 3


def international(text: str, region: str = "") -> str | None:
    """Return a phone number in E.164, with its extension behind `;ext=`; None for what cannot be a phone number.

    `region` (ISO 3166, two letters) is whose national numbers are meant; where it is "", or cannot be known, a national
    number stays its digits. What has the digits of a number and letters among them is one that was mistyped: nobody knows
    of which it was meant to be, so it stays as it is, and is joined to no other.

    >>> [international(text, "FR") for text in ("06 12 34 56 78", "+33 (0)6 12 34 56 78", "tel:+33612345678", "+33")]
    ['+33612345678', '+33612345678', '+33612345678', None]
    """
    if _PLAIN.fullmatch(text):
        digits = text.translate(_SIGNS)
        if plain := _plain(digits) if digits[0] == "+" else _plain_national(digits, region):
            return plain
    if (found := _by_library(text, region)) is not None or not _ODD.search(text):
        return found
    if (without := _ODD_SIGNS.sub("", text)) != text:  # 06 12 34`56 78
        return international(without, region)
    is_mistyped = _LETTER.search(text) and sum(char in _NOT_ZERO for char in text) >= _MISTYPED
    return text.casefold() if is_mistyped else None


def is_region(region: str) -> bool:
    """Return whether numbers of a region are known."""
    return region in _library().SUPPORTED_REGIONS


def _library() -> Any:
    import phonenumbers  # noqa: PLC0415 - 37 ms, for those who have phone numbers

    return phonenumbers


def _plain(text: str) -> str | None:
    """Return a number of plus and ASCII digits, where the library would return the same; it is a fortieth of the work."""
    for size in range(1, _COUNTRY_DIGITS + 1):
        if (country := _country(text[1 : size + 1])) is not None:
            lengths, prefix = country
            national = text[size + 1 :]
            fits = (
                len(national) in lengths and national.strip("0") and not (prefix and prefix.match(national))
            )
            return text if fits else None
    return None


def _plain_national(digits: str, region: str) -> str | None:
    """Return a national number of ASCII digits that do not begin with 00, where the library would return the same."""
    if not region:
        return digits if SHORTEST <= len(digits) <= _LONGEST else None
    code, abroad, lengths, prefix = _here(region)
    if digits.startswith(code) or abroad.match(digits) or (prefix and prefix.groups):
        return None
    begun = prefix.match(digits) if prefix else None
    national = digits[begun.end() :] if begun else digits
    if (begun and len(digits) in lengths) or len(national) not in lengths or not national.strip("0"):
        return None
    return f"+{code}{national}"


@cache
def _here(region: str) -> tuple[str, re.Pattern[str], frozenset[int], re.Pattern[str] | None]:
    """Return the code of a region's country, what is dialled before that of another one, and what `_country` returns.

    Lengths are those that the region and its country, which it may share, both have.
    """
    data = _library().PhoneMetadata.metadata_for_region(region)
    lengths, prefix = _shape(data)
    country = _country(str(data.country_code))
    both = lengths & country[0] if country else lengths
    return str(data.country_code), re.compile(data.international_prefix or _ABROAD), both, prefix


def _shape(data: Any) -> tuple[frozenset[int], re.Pattern[str] | None]:
    prefix = data.national_prefix_for_parsing
    return frozenset(data.general_desc.possible_length), re.compile(prefix) if prefix else None


@cache
def _country(code: str) -> tuple[frozenset[int], re.Pattern[str] | None] | None:
    """Return the lengths of a country's numbers, and what the library takes off their beginning; None for no country."""
    library = _library()
    regions = library.COUNTRY_CODE_TO_REGION_CODE.get(int(code)) if code else None
    if regions is None:
        return None
    return _shape(library.PhoneMetadata.metadata_for_region_or_calling_code(int(code), regions[0]))


def _by_library(text: str, region: str) -> str | None:
    number = _parsed(text, region)
    if number is None:
        return None
    if not number.country_code:
        return _national(number, region)
    library = _library()
    if (
        not number.national_number
        or library.is_possible_number_with_reason(number) != library.ValidationResult.IS_POSSIBLE
    ):
        return None  # zeros, too short, too long, or without the code of its area
    found: str = library.format_number(number, library.PhoneNumberFormat.E164)
    return f"{found};ext={number.extension}" if number.extension else found


def _parsed(text: str, region: str) -> "PhoneNumber | None":
    """Return a number as the library reads it; one that begins with 00 as one with a plus, whatever the region."""
    library = _library()
    try:
        found: PhoneNumber = library.parse(text, None, _check_region=False)
        if found.country_code:
            return found
        if (digits := library.national_significant_number(found)).startswith(_ABROAD):
            extension = f";ext={found.extension}" if found.extension else ""
            return cast("PhoneNumber", library.parse(f"+{digits.removeprefix(_ABROAD)}{extension}"))
        return cast("PhoneNumber", library.parse(text, region)) if region else found
    except library.NumberParseException:
        return None


def _national(number: "PhoneNumber", region: str) -> str | None:
    digits: str = _library().national_significant_number(number)
    if region or not SHORTEST <= len(digits) <= _LONGEST or not digits.strip("0"):
        return None
    return f"{digits};ext={number.extension}" if number.extension else digits


def spellings(text: str, region: str = "") -> list[str]:
    """Return other ways in which people write a phone number in E.164, without spaces; the national one with `region`."""
    library = _library()
    try:
        number = library.parse(text, region or None)
    except library.NumberParseException:
        return []
    national = library.national_significant_number(number)
    data = library.PhoneMetadata.metadata_for_region_or_calling_code(
        number.country_code, library.region_code_for_country_code(number.country_code)
    )
    prefix = (data.national_prefix if data else None) or ""
    here = [f"{prefix}{national}", national] if region else []
    return [f"+{number.country_code}{prefix}{national}", f"{number.country_code}{national}", *here]
