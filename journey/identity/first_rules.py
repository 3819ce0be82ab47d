"""Normalises handles as version 1 of the rules did, by which stores of 0.1 have their handles. It is never changed."""

import re
import unicodedata

__all__ = ["first_form"]

_NOBODY = frozenset(
    {
        "null", "undefined", "none", "nil", "nan", "n/a", "na", "-", "?", "anonymous", "anon", "guest", "unknown",
        "not set", "(not set)", "not_set", "empty", "[object object]", "true", "false", "{}", "[]", "deleted",
    }
)  # fmt: skip
_ZEROS = re.compile(r"[0\-:.+ ]*")
_CASELESS = frozenset({"email", "social", "loyalty"})


def first_form(kind: str, value: str) -> str | None:
    """Return the form that version 1 hashed, None where a value named nobody to it."""
    text, once = "", unicodedata.normalize("NFKC", value).strip()
    while text != once:
        text = once
        if _ZEROS.fullmatch(text) or text.casefold() in _NOBODY:
            return None
        once = _form(kind, text)
    return text or None


def _form(kind: str, text: str) -> str:
    if kind in _CASELESS:
        text = unicodedata.normalize("NFKC", text.casefold())
    if kind == "phone":
        text = _phone(text)
    elif kind == "social":
        network, colon, account = text.rpartition(":")
        text = network + colon + account.strip().lstrip("@")
    elif kind == "loyalty":
        text = re.sub(r"[\s\-]", "", text)
    return text.strip()


def _phone(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    if text.startswith("+"):
        return "+" + digits if digits else ""
    return "+" + digits[2:] if digits.startswith("00") else digits
