"""Normalises handles, the identifiers of a person: each value to the one form that is hashed and compared.

Personal values are normalised and hashed; only the hash travels.
"""

import re
import unicodedata
from collections.abc import Collection

from journey.identity.address import address, visible
from journey.identity.nobody import NOBODY, is_nobody
from journey.identity.phone import international

__all__ = [
    "KINDS",
    "KIND_CODE",
    "NOBODY",
    "normalise",
]

# In order of priority: an event's evidence belongs to its first handle by this order.
KINDS: tuple[str, ...] = ("user", "email", "phone", "loyalty", "social", "cookie", "device")
KIND_CODE: dict[str, int] = {kind: code for code, kind in enumerate(KINDS)}
_CASELESS = frozenset({"social", "loyalty"})
_BETWEEN_GROUPS = re.compile(r"[\s\-]")


def normalise(kind: str, value: str, nobody: Collection[str] = NOBODY, region: str = "") -> str | None:
    """Return the value in the one form that is compared, or None when it names nobody.

    Phone numbers are in E.164 (a national one with `region`, see `journey.identity.phone`), the domains of e-mail
    addresses in IDNA 2008. E-mail addresses, social accounts and card numbers are caseless; a leading ``@`` of an
    account, and what people write between the digits of a card number, do not matter. Cookies, devices and user ids
    are compared as they are, but for white space around them. Invisible and control characters never matter. Idempotent.

    >>> normalise("email", " Ann.Lee@Example.COM ")
    'ann.lee@example.com'
    >>> normalise("phone", "0033 6 12-34-56-78")
    '+33612345678'
    >>> normalise("cookie", "undefined") is None
    True
    """
    text, once = "", value.strip() if kind == "email" else _compatible(value)
    while text != once:  # what is left once something was taken off may need it again: "@ @ann"
        text = once
        if is_nobody(kind, _compatible(text) if kind == "email" else text, nobody):
            return None
        form = _form(kind, text, region)
        if form is None:
            return None
        once = form
    return text or None


def _compatible(value: str) -> str:
    if value.isascii() and value.isprintable():
        return value.strip()
    return visible(unicodedata.normalize("NFKC", visible(value))).strip()


def _form(kind: str, text: str, region: str) -> str | None:
    if kind == "email":
        return address(text)
    if kind == "phone":
        return international(text, region)
    if kind in _CASELESS:
        text = unicodedata.normalize("NFKC", text.casefold())
    if kind == "social":
        network, colon, account = text.rpartition(":")
        text = network + colon + account.strip().lstrip("@")
    elif kind == "loyalty":
        text = _BETWEEN_GROUPS.sub("", text)
    return text.strip()
