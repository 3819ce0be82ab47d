"""Describes who asks the page: by which name, for which brands, and whether they may change anything."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["EVERYBODY", "Viewer", "of_all"]


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
    changed
        Of the brands that they see, those that they may change; None for all of these.
    numbers
        The brands whose readable handles they may see; None for all that they see. Nobody may unless it is said.
    by_proxy
        Whether a proxy in front signed them in: then they sign out there.
    """

    name: str = ""
    brands: frozenset[str] | None = None
    writes: bool = True
    changed: frozenset[str] | None = None
    numbers: frozenset[str] | None = frozenset()
    by_proxy: bool = False

    def sees(self, brand: str) -> bool:
        """Return whether they may see a brand."""
        return self.brands is None or brand in self.brands

    def changes(self, brand: str) -> bool:
        """Return whether they may change what is of a brand, and of "" what is of all brands together."""
        return self.writes and self.sees(brand) and (self.changed is None or brand in self.changed)

    def reads(self, brand: str) -> bool:
        """Return whether they may see a brand's readable handles."""
        return self.sees(brand) and (self.numbers is None or brand in self.numbers)

    def named(self, form: Mapping[str, str]) -> str:
        """Return the name that a change is recorded with: their own, or what the form says."""
        return self.name or form.get("by", "").strip()

    def seen(self, brands: Collection[str]) -> list[str]:
        """Return those of the brands that they may see."""
        return [brand for brand in brands if self.sees(brand)]


EVERYBODY = Viewer()
"""Who asks where no name is known: they may do everything, but see nobody's readable handles."""


def of_all(rights: Sequence[Viewer]) -> Viewer:
    """Return who has several rights at once: each brand is seen, and may be changed, where one of them allows it.

    >>> both = of_all([Viewer(brands=frozenset({"a"})), Viewer(brands=frozenset({"b"}), writes=False)])
    >>> both.sees("a"), both.sees("b"), both.changes("a"), both.changes("b"), both.changes("")
    (True, True, True, False, False)
    """
    writing = [each for each in rights if each.writes]
    reading = [each for each in rights if each.numbers is None]
    seen, changed = _brands(rights), _brands(writing)
    numbers = _brands(reading) if reading else frozenset()
    return Viewer("", seen, bool(writing), changed if writing and changed != seen else None, numbers)


def _brands(rights: Sequence[Viewer]) -> frozenset[str] | None:
    """Return the brands of several rights together, None for all."""
    named = [each.brands for each in rights if each.brands is not None]
    return frozenset().union(*named) if len(named) == len(rights) else None
