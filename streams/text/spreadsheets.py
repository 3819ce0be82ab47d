"""Makes text safe for spreadsheets, which run what looks like a formula."""

__all__ = ["inert"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def inert(text: str) -> str:
    """Return a text that no spreadsheet runs.

    >>> inert("=1+1"), inert("LUM-1")
    ("'=1+1", 'LUM-1')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
