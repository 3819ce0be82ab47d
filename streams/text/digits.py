"""Parses whole numbers in untrusted text: of ASCII digits only, and no more of them than any number of ours has."""

__all__ = ["whole_number"]

_MOST = 19  # of 2**63


def whole_number(text: str) -> int | None:
    """Return the number that a text is, None for what is none: signs, spaces, digits of other scripts, too many digits.

    >>> whole_number("0042"), whole_number("²"), whole_number("1" * 5_000)
    (42, None, None)
    """
    return int(text) if len(text) <= _MOST and text.isascii() and text.isdigit() else None
