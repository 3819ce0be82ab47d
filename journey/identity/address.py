"""Converts e-mail addresses to the form that is compared: the domain by IDNA 2008, the local part in small letters."""

import re
import unicodedata
from functools import lru_cache

__all__ = ["address", "spellings", "visible"]

# Control characters, and what Unicode calls default-ignorable: zero-width, bidirectional and soft ones.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_SPACE = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]")
_WIDTHS = ("<wide>", "<narrow>")
_SCHEME = "mailto:"
_A_LABEL = "xn--"


def visible(text: str) -> str:
    """Return a text without control and invisible characters; line ends and tabs become spaces."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub("", _SPACE.sub(" ", text))


def address(text: str) -> str | None:
    """Return an e-mail address in the form that is compared, None without a name or a domain.

    The local part is in small letters, in Unicode's form NFC, with letters of usual width (as RFC 8265 has user names;
    ß is not ss). A text without @, such as a hash, is compared like a local part.

    >>> address("Ann@BÜCHER.example"), address("mailto:straße@x.example")
    ('ann@xn--bcher-kva.example', 'straße@x.example')
    """
    if len(text) > 1 and text[0] == text[-1] in "\"'":
        text = text[1:-1].strip()
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    if text[: len(_SCHEME)].lower() == _SCHEME:
        text = text[len(_SCHEME) :]
    local, at, domain = text.rpartition("@")
    if not at:
        return _local(domain)
    local, domain = _local(local), _domain(domain)
    return f"{local}@{domain}" if local and domain else None


def _local(text: str) -> str:
    text = visible(text).strip()
    if text.isascii():
        return text.lower()
    usual = "".join(
        unicodedata.normalize("NFKC", each) if unicodedata.decomposition(each).startswith(_WIDTHS) else each
        for each in text
    )
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", usual).lower()).strip()


def _domain(text: str) -> str:
    if text.isascii():  # in ASCII there is one form, but for the case of letters
        return visible(text).strip().rstrip(".").lower()
    return _in_ascii(text)


@lru_cache(10_000)
def _in_ascii(text: str) -> str:
    import idna  # noqa: PLC0415 - 53 ms, for those who have such domains

    try:
        mapped = idna.uts46_remap(text.strip(), std3_rules=False, transitional=False)
    except idna.IDNAError:
        mapped = unicodedata.normalize("NFKC", visible(text)).lower()
    return ".".join(map(_label, mapped.strip().rstrip(".").split(".")))


def _label(text: str) -> str:
    """Return a label of a domain in ASCII; what IDNA 2008 does not allow (a smiley) is encoded all the same."""
    import idna  # noqa: PLC0415

    for label in (text, visible(text)):  # a joiner is part of a name in some scripts, and invisible in others
        if label.isascii():
            return label.strip().lower()
        try:
            return idna.alabel(label).decode().lower()
        except idna.IDNAError:
            continue
    return "xn--" + visible(text).encode("punycode").decode().lower()


def spellings(text: str) -> list[str]:
    """Return an address with its domain in the other of both forms, Unicode and ASCII, where there is one."""
    local, at, domain = text.rpartition("@")
    if not at or not (_A_LABEL in domain.lower() or not domain.isascii()):
        return []
    import idna  # noqa: PLC0415

    ascii_domain = _domain(domain)
    try:
        return [f"{local}@{ascii_domain}", f"{local}@{idna.decode(ascii_domain)}"]
    except idna.IDNAError:
        return [f"{local}@{ascii_domain}"]
