"""Names the scope of a spike: the whole brand, or one channel, place, product or content."""

from typing import NamedTuple

__all__ = ["BRAND", "NARROWEST_FIRST", "Scope"]

NARROWEST_FIRST = ("content", "product", "place", "channel", "brand")


class Scope(NamedTuple):
    """One part of a brand; `value` is empty for the brand itself."""

    kind: str
    value: str


BRAND = Scope("brand", "")
