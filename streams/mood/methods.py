"""Finds the methods that packages bring for languages, by the entry points of the group `journey.sentiment`.

An entry point's name is a language of BCP 47 (`en`, `pt-br`), its object a function without arguments that returns a `Method`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from journey.errors import UserError

__all__ = ["GROUP", "Method", "MethodError", "method_for"]

GROUP = "journey.sentiment"
_OURS = "streams.mood."
_EXTRA = "pip install 'customer-journey-engine[sentiment]'"


class MethodError(UserError, RuntimeError):
    """An error of a language that is switched on: nothing that is installed computes its sentiment."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method that computes the sentiment of a text.

    Attributes
    ----------
    name
        What computes it, and its version: kept beside each sentiment.
    read
        Returns -1 (angry) to 1 (happy); None where it finds nothing in the text to go by. It may raise.
    """

    name: str
    read: Callable[[str], float | None]


def method_for(language: str) -> Method:
    """Return the method of a language, in lower case; another package's goes before our own.

    Raises
    ------
    MethodError
        None is installed, several are, or it cannot be loaded.
    """
    found = [point for point in entry_points(group=GROUP) if point.name.lower() == language]
    theirs = {(point.value, _package(point)): point for point in found if not point.value.startswith(_OURS)}
    if len(theirs) > 1:
        packages = ", ".join(sorted(package for _, package in theirs))
        raise MethodError(f"JOURNEY_SENTIMENT: several packages bring a method for {language}: {packages}")
    point = next(iter(theirs.values()), found[0] if found else None)
    if point is None:
        raise MethodError(
            f"JOURNEY_SENTIMENT: no package that is installed brings a method for {language}"
            f" (entry points of the group {GROUP})"
        )
    try:
        made = point.load()()
    except Exception as error:
        remedy = f": {_EXTRA}" if isinstance(error, ImportError) and not theirs else f", of {_package(point)}"
        raise MethodError(
            f"JOURNEY_SENTIMENT: the method for {language} cannot be loaded ({type(error).__name__}){remedy}"
        ) from error
    if not isinstance(made, Method):
        raise MethodError(
            f"JOURNEY_SENTIMENT: {point.value} of {_package(point)} makes no streams.mood.methods.Method"
        )
    return made


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
