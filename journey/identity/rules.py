"""Holds the rules by which values become handles: their version, and whose national phone numbers each brand has.

Nobody has the values of handles that are stored, so these keep the form that they were hashed in. A store that has handles
under *earlier* rules goes on to hash a value in its earlier form too, wherever that differs: an event names both handles,
which makes them one customer, and its primary handle stays the one that it was, so that repeats are recognised.
"""

from collections.abc import Collection
from dataclasses import dataclass

from journey.identity import address, phone
from journey.identity.first_rules import first_form
from journey.identity.handle import NOBODY, normalise

__all__ = ["FIRST", "VERSION", "HandleRules"]

VERSION = 2


@dataclass(frozen=True, slots=True)
class HandleRules:
    """The rules of an edge.

    Attributes
    ----------
    region
        ISO 3166 code of the country whose national phone numbers are meant, "" where that is not known.
    regions
        The same of single brands: (brand, code), by brand.
    earlier
        Rules under which the store has handles besides, the oldest first.
    """

    region: str = ""
    regions: tuple[tuple[str, str], ...] = ()
    earlier: tuple["HandleRules", ...] = ()
    version: int = VERSION

    @classmethod
    def of_regions(cls, text: str) -> "HandleRules":
        """Parse regions: `FR`, `FR, nova=DE`, `nova=DE`.

        Raises
        ------
        ValueError
            A region is none that has phone numbers, or a brand is named twice.
        """
        region, regions = "", dict[str, str]()
        for part in filter(None, map(str.strip, text.split(","))):
            brand, equals, code = (each.strip() for each in part.rpartition("="))
            if not phone.is_region(code) or (equals and not brand):
                raise ValueError(
                    f"{part!r} is not a country's two letters, such as FR, or nova=DE for a brand"
                )
            if brand in regions or (not brand and region):
                raise ValueError(
                    f"{part!r}: {f'the brand {brand}' if brand else 'the default'} has a region already"
                )
            if brand:
                regions[brand] = code
            else:
                region = code
        return cls(region, tuple(sorted(regions.items())))

    @classmethod
    def parse(cls, text: str) -> "HandleRules":
        """Parse rules from their text in a store."""
        version, _, regions = text.partition(" ")
        if version == "1":
            return FIRST
        return cls.of_regions(regions)

    @property
    def text(self) -> str:
        """The rules as a store records them: the version and the regions."""
        parts = [
            *([self.region] if self.region else []),
            *(f"{brand}={code}" for brand, code in self.regions),
        ]
        return f"{self.version} {','.join(parts)}".strip()

    def region_of(self, brand: str) -> str:
        """Return the region of a brand's national phone numbers, "" where it is not known."""
        return dict(self.regions).get(brand, self.region) if self.regions else self.region

    def forms(
        self,
        kind: str,
        value: str,
        nobody: Collection[str] = NOBODY,
        brand: str = "",
        *,
        separate: bool = False,
    ) -> tuple[str, ...]:
        """Return the forms of a value that are hashed, the oldest first; none for nobody. One, without earlier rules.

        `separate` where a handle is another one with each brand; else what is one with one brand is so with all, and a
        national number has an earlier form only where all brands read it alike.
        """
        now = self.form(kind, value, nobody, brand)
        if now is None:
            return ()
        if not self.earlier:
            return (now,)
        regions = {self.region_of(brand)} if separate else {self.region, *(code for _, code in self.regions)}
        before = dict.fromkeys(
            filter(None, (rules.form(kind, value, nobody, brand) for rules in self.earlier))
        )
        return (*(old for old in before if old != now and _is_same(kind, old, now, regions)), now)

    def spellings(
        self,
        kind: str,
        value: str,
        nobody: Collection[str] = NOBODY,
        brand: str = "",
        *,
        separate: bool = False,
    ) -> tuple[str, ...]:
        """Return `forms`, and those of other ways to write the value: where somebody is looked for who may be stored so."""
        found = dict.fromkeys(self.forms(kind, value, nobody, brand, separate=separate))
        if self.earlier:
            for other in _written(kind, value, self.region_of(brand)):
                found |= dict.fromkeys(self.forms(kind, other, nobody, brand, separate=separate))
        return tuple(found)

    def form(self, kind: str, value: str, nobody: Collection[str], brand: str) -> str | None:
        """Return the form of a value under these rules alone, None for nobody."""
        if self.version == FIRST.version:
            return first_form(kind, value)
        return normalise(kind, value, nobody, self.region_of(brand))


def _is_same(kind: str, old: str, now: str, regions: Collection[str]) -> bool:
    """Return whether an earlier form is another spelling of the same value.

    It is not where the earlier rules took two people for one (straße and strasse, numbers cut at a letter): the handle is
    of both, and is not joined to either.
    """
    if all(normalise(kind, old, region=region) == now for region in regions):
        return True
    return kind == "phone" and normalise(kind, "+" + old) == now  # of tel:+33…, and of +33 without the plus


def _written(kind: str, value: str, region: str) -> list[str]:
    if kind == "phone":
        return phone.spellings(value, region)
    return address.spellings(value) if kind == "email" else []


FIRST = HandleRules(version=1)
