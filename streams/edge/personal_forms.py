"""Masks personal data in texts by its form: e-mail addresses, phone and card numbers, IBANs, IP addresses.

They are found in plain text, and in what percent-encoding, HTML, escapes of JSON, quoted-printable, base64 and hex
digits make of them, also one in another. Every pattern begins where no earlier match can have begun, and decoding
stops after a few rounds, so that no text takes more than linear time.
"""

import base64
import html
import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from urllib.parse import unquote

from streams.edge.lookalikes import ODD, normal

__all__ = ["ENCODED", "PLAINLY", "decoded", "hidden", "is_plain"]

Mark = Callable[[str], str]  # what stands in the place of a text that tells of a person

_ROUNDS = 2  # encodings one in another
_SHORTEST = 8  # characters of what is decoded
# Sextets of base64 that bytes of ASCII give: the first is below 32, bits of the others are 0. Ids of random digits
# rarely have four such groups in a row, base64 of text has nothing else.
_OF_ASCII = r"[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_\-]"
_TOKEN = re.compile(r"[A-Za-z0-9+/_\-]{11,}={0,2}")
_BASE64 = re.compile(rf"(?:{_OF_ASCII}){{3}}")
_LEGIBLE = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ufffd]{{{_SHORTEST},}}")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:[2-7][0-9A-Fa-f]){7,}(?![0-9A-Fa-f])")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_MARK = re.compile(r"#[0-9a-f]{16}")
_QUOTED = re.compile(r"=([0-9A-F]{2})")

_SIGN = r"(?: ?[._/] ?)"  # between groups of four, the same one in all gaps
_ENCODINGS = (rf"(?:{_OF_ASCII}){{3}}", r"(?:[2-7][0-9A-Fa-f]){7}")
ENCODED = "|".join(_ENCODINGS)  # what may be base64 or hex digits of a text
# What has none of these tells of nobody by its form; RE2, which Arrow has, understands them too. Each by itself takes it a third
# of the time of all in one.
PLAINLY = (
    r"@|%[0-9A-Fa-f]{2}|&#?\w+;|\\[ux]|=[0-9A-F]{2}|\+\(?\d|\d\.\d{1,3}\.\d{1,3}\.\d|:[0-9a-fA-F]{0,4}:",
    r"(?:^|[^A-Za-z0-9#])(?:\(?(?:0|\d\d\d[ .)\-])[\d ().\-/]{7}|[2-6][\d \-]{12})",
    r"(?:^|[^A-Za-z0-9])[A-Za-z]{2}\d\d(?:[ ._/\-]?[A-Za-z0-9]){11}",
    rf"\d{{4}}{_SIGN}(?:\d{{4}}{_SIGN}\d{{4}}|\d{{6}}{_SIGN}\d{{5}})",
    *_ENCODINGS,
)
_plainly, _odd, _encoded = (re.compile(text) for text in ("|".join([*PLAINLY, ODD]), ODD, ENCODED))

_WORD = r"[^\s\"'<>,;:{}\[\]()/?&=#%|\\]"
_EMAIL = re.compile(rf"(?<!{_WORD}){_WORD}+(?:@|%40){_WORD}+")
_PHONE = re.compile(r"(?:\+|%2[Bb])\(?\d(?:[\s().\-/]{0,3}\d){6,14}")
# Without a country: a 0 and 8 to 10 digits, 00 and more, or groups of 3, 3 and 4 as in North America.
_NATIONAL = re.compile(
    r"(?<![A-Za-z0-9#])(?!\d{2,4}-\d\d-\d\d(?!-\d\d-\d\d(?!\d)))(?:\(?0(?:[ .\-/()]{0,2}[1-9])(?:[ .\-/()]{0,2}\d){7,9}|00[ .\-/]?[1-9](?:[ .\-/]?\d){9,13}"
    r"|\(?[2-9]\d\d\)?[ .\-]{1,2}[2-9]\d\d[ .\-]\d{4})(?![A-Za-z0-9])"
)
_CARD = re.compile(
    r"(?<![A-Za-z0-9#])(?:[2-6](?:[ \-]?\d){12,18}|[2-6]\d{3}(?:\.\d{4}){3}|3[47]\d\d\.\d{6}\.\d{5})(?![A-Za-z0-9])"
)
# In groups with other signs between them, from each place where one may begin: 2027 / 4111 / 1111 / 1111 / 1111.
_GROUPED = re.compile(
    rf"(?<![A-Za-z0-9#])(?=([2-6]\d{{3}}(?P<s>{_SIGN})\d{{4}}(?:(?P=s)\d{{4}}){{2}}|3[47]\d\d(?P<t>{_SIGN})\d{{6}}(?P=t)\d{{5}})(?![A-Za-z0-9]))"
)
_GAP = re.compile(r"[ \-]")
_OF_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[0-8]\d{10,17}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|6\d{12,18}"
)
_GROUP = re.compile(r"(?<!\d)\d{3,}")
_LONG_CARD = 15  # digits; codes of goods have up to 14
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?:[ \-]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_GROUPED_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}\d\d(?:([._/])[A-Za-z0-9]{4})(?:\2[A-Za-z0-9]{1,4}){2,7}))"
)
_IN_IBAN = re.compile(r"[._/]")
# How many letters those of a country have: compared where small letters or other signs might be of anything else.
_OF_COUNTRY = {
    text[:2]: int(text[2:])
    for text in [
        "AD24", "AE23", "AL28", "AT20", "AZ28", "BA20", "BE16", "BG22", "BH22", "BR29", "BY28", "CH21", "CR22",
        "CY28", "CZ24", "DE22", "DK18", "DO28", "EE20", "EG29", "ES24", "FI18", "FO18", "FR27", "GB22", "GE22",
        "GI23", "GL18", "GR27", "GT28", "HR21", "HU28", "IE22", "IL23", "IQ23", "IS26", "IT27", "JO30", "KW30",
        "KZ20", "LB28", "LC32", "LI21", "LT20", "LU20", "LV21", "LY25", "MC27", "MD24", "ME22", "MK19", "MR27",
        "MT31", "MU30", "NL18", "NO15", "PK24", "PL28", "PS29", "PT25", "QA29", "RO24", "RS22", "SA24", "SC31",
        "SE24", "SI19", "SK24", "SM27", "ST25", "SV28", "TL23", "TN24", "TR26", "UA29", "VA22", "VG24", "XK20",
    ]
}  # fmt: skip
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-fA-F:]*[0-9a-fA-F]{2})(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])"
)


def hidden(text: str, mark: Mark = lambda _: "#", *, is_code: bool = False) -> str:
    """Return a text with a mark in the place of all personal data that its form shows.

    Where only the decoded text has any, that is returned, with marks; of base64 and hex digits the whole run is marked.

    Parameters
    ----------
    mark
        Called with the masked text, as it was decoded.
    is_code
        The text is the code of a thing: digits alone are no phone number.

    >>> hidden("call +33 6 12 34 56 78 or ann@example.com"), hidden("/find?who=ann%40example.com")
    ('call # or #', '/find?who=#')
    """
    return text if is_plain(text) else _hidden(text, mark, is_code, _ROUNDS)


def is_plain(text: str) -> bool:
    """Return whether a text surely holds nothing personal; most random ids that begin as an IBAN does are told from one."""
    if not _plainly.search(text):
        return True
    return (
        text.isalnum()
        and text.isascii()
        and text != text.upper()
        and _OF_COUNTRY.get(text[:2].upper()) != len(text)
        and not _encoded.search(text)
    )


def _hidden(text: str, mark: Mark, is_code: bool, rounds: int) -> str:  # noqa: FBT001 - of the function above
    once = _marked(text, mark, is_code)
    if not rounds:
        return once
    for decode in _WAYS:
        said = decode(once)
        twice = said if said == once else _hidden(said, mark, is_code, rounds - 1)
        if once != text:  # what was found may begin in the middle of an escape, and leave what is before it
            whole = _hidden(decode(text), mark, is_code, rounds - 1)
            twice = whole if _left(whole) < _left(twice) else twice
        if twice != said:
            once = twice
            break

    def run(found: re.Match[str]) -> str:
        for inner in _runs_in(found[0]):
            if _hidden(inner, mark, is_code=False, rounds=rounds - 1) != inner:
                return mark(found[0])
        return found[0]

    return _HEX.sub(run, _TOKEN.sub(run, once))


def _left(text: str) -> int:
    """Return how much of a text is left beside marks."""
    return len(_MARK.sub("#", text))


def _marked(text: str, mark: Mark, is_code: bool) -> str:  # noqa: FBT001 - as above
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(lambda found: mark(unquote(found[0])), text)
    if "+" in text or "%2" in text:
        text = _PHONE.sub(lambda found: mark(unquote(found[0])), text)
    text = _each(_CARD, text, lambda part: _of_cards(part, mark, is_code=is_code))
    text = _each(_IBAN, text, lambda part: _of_iban(part, mark))
    text = _grouped(text, mark, is_code=is_code)
    if not is_code:
        text = _NATIONAL.sub(lambda found: mark(found[0]), text)
        text = _IPV4.sub(lambda found: mark(found[0]) if _is_address(found[0]) else found[0], text)
    return (
        _IPV6.sub(lambda found: mark(found[0]) if _is_address(found[0]) else found[0], text)
        if ":" in text
        else text
    )


def _each(pattern: re.Pattern[str], text: str, masked: Callable[[str], str]) -> str:
    """Return a text with what each match becomes; what a match was not may begin at the next group within it."""
    parts, end, at = [], 0, 0
    while found := pattern.search(text, at):
        kept = masked(found[0])
        if kept == found[0]:
            behind = _GAP.search(text, found.start(), found.end())
            at = behind.end() if behind else found.end()
        else:
            parts += [text[end : found.start()], kept]
            end = at = found.end()
    return "".join([*parts, text[end:]])


def decoded(text: str, rounds: int = _ROUNDS) -> list[str]:
    """Return what the encodings in a text make of it, one in another too; none for most texts."""
    if not rounds or not _plainly.search(text):
        return []
    found = [plain for decode in _WAYS if (plain := decode(text)) != text]
    found += [inner for run in _TOKEN.findall(text) + _HEX.findall(text) for inner in _runs_in(run)]
    return found + [inner for one in found for inner in decoded(one, rounds - 1)]


def _of_percents(text: str) -> str:
    return unquote(text) if "%" in text else text


def _of_entities(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _of_escapes(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text) if "\\" in text else text


def _of_lookalikes(text: str) -> str:
    return normal(text) if not text.isascii() and _odd.search(text) else text


def _of_quoted(text: str) -> str:
    return _QUOTED.sub(lambda found: chr(int(found[1], 16)), text) if "=" in text else text


_WAYS = (_of_percents, _of_entities, _of_escapes, _of_lookalikes, _of_quoted)  # to escape characters


def _runs_in(run: str) -> Iterator[str]:
    """Yield the texts that a run of base64 or hex digits may encode."""
    if len(run) >= 2 * _SHORTEST - 2 and _HEX.fullmatch(run):
        yield bytes.fromhex(run).decode("ascii")
    if _BASE64.search(run):
        digits = run.rstrip("=").replace("-", "+").replace("_", "/")
        for start in range(4):  # what stands before it may be of the same letters: id-aGVsbG8
            rest = digits[start : len(digits) - (len(digits) - start) % 4 or None]
            tail = digits[len(rest) + start :]
            padded = rest + (tail + "=" * (4 - len(tail)) if len(tail) > 1 else "")
            yield from _LEGIBLE.findall(base64.b64decode(padded).decode("utf-8", "replace"))


def _of_cards(text: str, mark: Mark, *, is_code: bool) -> str:
    """Return groups of digits, with a mark in the place of those that together are the number of a card."""
    if _is_card(text, is_code=is_code):
        return mark(text)
    groups = list(_GROUP.finditer(text))
    for first, start in enumerate(groups):
        for end in reversed(groups[first:]):
            if _is_card(text[start.start() : end.end()], is_code=is_code):
                return f"{text[: start.start()]}{mark(text[start.start() : end.end()])}{text[end.end() :]}"
    return text


def _grouped(text: str, mark: Mark, *, is_code: bool) -> str:
    """Return a text with a mark in the place of cards and IBANs whose groups have other signs between them than spaces and dashes."""
    spans = [
        (found.start(1), found.end(1))
        for found in _GROUPED.finditer(text)
        if _is_card(found[1], is_code=is_code)
    ]
    for found in _GROUPED_IBAN.finditer(text):
        letters, count = _IN_IBAN.sub("", found[1]), _OF_COUNTRY.get(found[1][:2].upper(), 0)
        size = count + (count - 1) // 4  # with the signs
        if (
            0 < count <= len(letters)
            and not text[found.start(1) + size :][:1].isalnum()
            and _is_iban(letters[:count].upper())
        ):
            spans.append((found.start(1), found.start(1) + size))
    parts, end = [], 0
    for first, last in sorted(spans):
        if first >= end:
            parts += [text[end:first], mark(text[first:last])]
            end = last
    return "".join([*parts, text[end:]])


def _is_card(text: str, *, is_code: bool) -> bool:
    digits = re.sub(r"\D", "", text)
    if (is_code and len(digits) < _LONG_CARD) or not _OF_CARDS.fullmatch(digits):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def _of_iban(text: str, mark: Mark) -> str:
    """Return a text that may begin with an IBAN, marked up to its end if it does."""
    for end in range(len(text), 14, -1):
        if text[end - 1] not in " -" and (end == len(text) or text[end] in " -") and _is_iban(text[:end]):
            return mark(text[:end]) + text[end:]
    return text


def _is_iban(text: str) -> bool:
    letters = text.replace(" ", "").replace("-", "").upper()
    if ("-" in text or text != text.upper()) and _OF_COUNTRY.get(letters[:2]) != len(letters):
        return False
    return int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1


def _is_address(text: str) -> bool:
    if ":" not in text and all(len(part) == 3 for part in text.split(".")):  # noqa: PLR2004 - with zeros in front, as some logs have it
        return all(int(part) < 256 for part in text.split("."))  # noqa: PLR2004 - of a byte
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
