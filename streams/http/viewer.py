"""Describes who asks the page: by which name, for which brands, and whether they may change anything."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["EVERYBODY", "Viewer"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who may look.

    Attributes
    ----------
    name
        That is recorded with what they change; "" where nobody signed in by name: then the form asks for one.
    brands
        That they may see; None for all.
    writes
        Whether they may change anything.
    """

    name: str = ""
    brands: frozenset[str] | None = None
    writes: bool = True

    def sees(self, brand: str) -> bool:
        """Return whether they may see a brand."""
        return self.brands is None or brand in self.brands

    def named(self, form: Mapping[str, str]) -> str:
        """Return the name that a change is recorded with: their own, or what the form says."""
        return self.name or form.get("by", "").strip()

    def seen(self, brands: Collection[str]) -> list[str]:
        """Return those of the brands that they may see."""
        return [brand for brand in brands if self.sees(brand)]


EVERYBODY = Viewer()
"""Who asks where no name is known: they may do everything."""
