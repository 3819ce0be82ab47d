"""Escapes control characters in text for a terminal, a chat or a mail: they are shown, not sent."""

import re

__all__ = ["visible", "visible_line"]

# C0 but for tab and line feed, DEL, C1, line separators, and what turns the direction of text (Trojan Source).
_STEERING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_LAST_C0, _DEL = 0x20, 0x7F


def visible(text: str) -> str:
    r"""Return a text with a picture for each character that steers, such as ␛ for ESC; as long as it was.

    >>> visible("film\x1b[2J")
    'film␛[2J'
    """
    return _STEERING.sub(_picture, text)


def visible_line(text: str) -> str:
    """Return a text that stays in its line: tab and line feed are shown too."""
    return visible(text).replace("\n", "␊").replace("\t", "␉")


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < _LAST_C0:
        return chr(0x2400 + code)
    return "␡" if code == _DEL else "�"
