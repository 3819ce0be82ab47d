"""Reads in which languages the mood of texts is computed, for the installation and for single brands."""

import re
from collections.abc import Mapping

from schemas.event import LANGUAGE
from streams import environment
from streams.environment import SettingsError

__all__ = ["languages", "languages_wanted"]

_OFF = "off"
_LANGUAGE = re.compile(LANGUAGE)


def languages_wanted() -> Mapping[str, tuple[str, ...]]:
    """Return the languages of JOURNEY_SENTIMENT by brand. Raises SettingsError."""
    return languages(environment.text("JOURNEY_SENTIMENT"))


def languages(text: str) -> Mapping[str, tuple[str, ...]]:
    """Return languages by brand, in lower case; those of "" are for all others. Raises SettingsError.

    >>> languages("en de, nova=FR, lumiere=off")
    {'': ('en', 'de'), 'nova': ('fr',), 'lumiere': ()}
    """
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        brand, equals, said = (each.strip() for each in part.rpartition("="))
        names = tuple(said.lower().split())
        read = () if names == (_OFF,) else names
        is_known = names and _OFF not in read and all(map(_LANGUAGE.fullmatch, read))
        if not is_known or brand in found or bool(equals) != bool(brand) or len(set(read)) < len(read):
            raise SettingsError(
                f"JOURNEY_SENTIMENT = {text!r}: must be languages such as en, several with spaces between, and of single brands:"
                " en, nova=fr en, lumiere=off"
            )
        found[brand] = read
    return found
