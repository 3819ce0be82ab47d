"""Defines the parameters of views, and the error of one that is not allowed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Field", "ScopeError"]

_LONGEST_NUMBER = 40


class ScopeError(ValueError):
    """An error of a URL parameter; the message names it and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter of one view.

    Attributes
    ----------
    kind
        text, choice, number, or hidden: hidden ones are kept in the URL, and come from links alone.
    default
        What holds where the URL says nothing, as text.
    choices
        Of a choice: value and label.
    low, high
        Of a number, both allowed.
    pattern
        That a text must match in full.
    group
        Heading under which the form has it, with those beside it of the same group.
    elsewhere
        Whether a panel has the input; the form only keeps the value.
    known
        Kind of name (place, product, …) of which the form offers those that there are; "" for none.
    """

    name: str
    label: str
    kind: str = "text"
    default: str = ""
    choices: Sequence[tuple[str, str]] = ()
    low: float = 0.0
    high: float = 1e9
    pattern: str = r".*"
    group: str = ""
    known: str = ""
    elsewhere: bool = False

    def checked(self, value: str) -> str:
        """Return the value. Raises ScopeError."""
        if self.kind == "choice" and value not in {name for name, _ in self.choices}:
            raise ScopeError(f"{self.name}: must be one of {', '.join(name for name, _ in self.choices)}")
        if self.kind == "number" and value != self.default and not self._is_number(value):
            raise ScopeError(f"{self.name}: must be a number from {self.low:g} to {self.high:g}")
        if not re.fullmatch(self.pattern, value, re.ASCII | re.DOTALL):
            raise ScopeError(f"{self.name}: has another form than {self.pattern}")
        return value

    def _is_number(self, value: str) -> bool:
        if len(value) > _LONGEST_NUMBER or not value.isascii() or "_" in value:
            return False
        try:
            return self.low <= float(value) <= self.high
        except ValueError:
            return False
