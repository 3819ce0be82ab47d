"""Makes text fit to be shown on a terminal, in a chat or a mail: control characters are shown, not sent."""

import re

__all__ = ["message_of", "visible", "visible_line"]

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


def message_of(error: BaseException) -> str:
    """Return the message of an error; of one whose own could not be decoded, that, with its odd bytes escaped.

    chDB repeats bytes of a statement that need not be UTF-8, and its client then fails at decoding them.
    """
    for one in (error, error.__cause__):
        if isinstance(one, UnicodeDecodeError):
            return one.object.decode("utf-8", "backslashreplace")
    return str(error)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < _LAST_C0:
        return chr(0x2400 + code)
    return "␡" if code == _DEL else "�"
