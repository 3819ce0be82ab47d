"""Which texts are codes of things: in them, digits are no phone number."""

import re

from streams.edge.personal_forms import decoded

__all__ = ["CODES", "is_code"]

CODES = ("product", "place", "campaign", "device")
_NAMED = frozenset({"product", "place"})  # may be the name of a thing, in words
# The code of a good or place behind what kind of code it is: ISBN 0-306-40615-2.
_LABELLED = re.compile(
    r"\W*(?:isbn(?:[ \-]?1[03])?|issn|ean|upc|gtin|sku|gln|asin|mpn|ref|art|item|no|nr|id)\b\W*\d[\dx \-]*",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W\d_]")
_SPACE = re.compile(r"\s")


def is_code(name: str, text: str) -> bool:
    """Return whether the text of a field is the code of a thing; in a product or place, words are none.

    >>> is_code("place", "0639987750"), is_code("place", "home of 0639987750"), is_code("product", "ISBN 0306406152")
    (True, False, True)
    """
    return name in CODES and not (name in _NAMED and any(map(_is_free, [text, *decoded(text)])))


def _is_free(text: str) -> bool:
    return bool(_SPACE.search(text) and _LETTER.search(text)) and not _LABELLED.fullmatch(text)
