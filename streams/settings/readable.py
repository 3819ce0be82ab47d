"""Reads which kinds of handle each brand keeps readable, and the key that their values are encrypted under."""

from dataclasses import dataclass

from journey.identity.handle import KINDS
from streams import environment
from streams.environment import SettingsError
from streams.settings.handle_key import parsed_key, secret_file

__all__ = ["OWN_NUMBERS", "ReadableKinds", "readable_key", "readable_wanted"]

OWN_NUMBERS = ("user", "loyalty")
"""Kinds whose values are a brand's own numbers; any other is readable only with a brand that is named with it."""

_KINDS = "JOURNEY_READABLE"
_KEY = "JOURNEY_READABLE_KEY"


@dataclass(frozen=True, slots=True)
class ReadableKinds:
    """The kinds of handle that are kept readable.

    Attributes
    ----------
    every
        With brands that are not named.
    named
        With brands that are: (brand, kinds), by brand.
    """

    every: tuple[str, ...] = ()
    named: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __bool__(self) -> bool:
        """Whether any brand keeps any."""
        return bool(self.every) or any(kinds for _, kinds in self.named)

    @classmethod
    def parse(cls, text: str) -> "ReadableKinds":
        """Parse kinds: `user loyalty`, `user, nova=user email`, `nova=user`; `nova=` is none of nova.

        Raises
        ------
        ValueError
            A kind is unknown, or may not be readable with brands that are not named; or a brand stands twice.
        """
        every: tuple[str, ...] | None = None
        named: dict[str, tuple[str, ...]] = {}
        for part in filter(None, map(str.strip, text.split(","))):
            brand, equals, listed = (each.strip() for each in part.rpartition("="))
            kinds = tuple(dict.fromkeys(listed.split()))
            if (equals and not brand) or "*" in part:
                raise ValueError(f"{part!r}: a brand is named in full; without one, kinds are those of all")
            if unknown := [kind for kind in kinds if kind not in KINDS]:
                raise ValueError(f"{unknown[0]!r} is no kind of handle: there are {', '.join(KINDS)}")
            if not brand and (others := [kind for kind in kinds if kind not in OWN_NUMBERS]):
                raise ValueError(
                    f"{others[0]} is none of a brand's own numbers ({', '.join(OWN_NUMBERS)}), so that each brand"
                    f" that keeps it readable is named: BRAND={others[0]}"
                )
            if brand in named or (not brand and every is not None):
                raise ValueError(f"{part!r}: {f'the brand {brand}' if brand else 'all brands'} stand twice")
            if brand:
                named[brand] = kinds
            else:
                every = kinds
        return cls(every or (), tuple(sorted(named.items())))

    def of(self, brand: str) -> tuple[str, ...]:
        """Return the kinds that a brand keeps readable."""
        return dict(self.named).get(brand, self.every)


def readable_wanted() -> ReadableKinds:
    """Return the kinds of JOURNEY_READABLE. Raises SettingsError."""
    text = environment.text(_KINDS)
    try:
        return ReadableKinds.parse(text)
    except ValueError as error:
        raise SettingsError(f"{_KINDS} = {text!r}: {error}") from None


def readable_key() -> bytes | None:
    """Return the key that the environment, or a file that it names, says; None where it says none. Raises SettingsError."""
    text, path = environment.text(_KEY), environment.path(f"{_KEY}_FILE")
    if path is None:
        return parsed_key(_KEY, text)
    if text:
        raise SettingsError(f"{_KEY} and {_KEY}_FILE: set one of them, not both")
    return parsed_key(f"{_KEY}_FILE = {str(path)!r}", secret_file(f"{_KEY}_FILE", path) or "empty")
