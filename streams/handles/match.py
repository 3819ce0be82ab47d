"""Hashes values of a list as events' handles are hashed, to be matched with customers. Nothing of the list is kept."""

from collections.abc import Callable, Sequence

from journey.identity.handle import NOBODY
from streams.edge.handles import HandleHasher
from streams.engine.shell import Shell

__all__ = ["Hasher", "hashes"]

Hasher = Callable[[str, Sequence[str], str], list[tuple[int, ...]]]
"""Takes a kind of handle, values and a brand; returns the ids of each value, none for what names nobody."""


def hashes(shell: Shell, kind: str, values: Sequence[str], brand: str) -> list[tuple[int, ...]]:
    """Return the ids by which the store may have each value with a brand.

    Raises
    ------
    UserError
        The handle key is lost or not set.
    """
    naming = HandleHasher(shell.key, NOBODY | shell.model.identity.nobody, rules=shell.rules)
    of = brand if naming.is_separate else ""
    return [tuple(naming.ids(kind, value, of)) for value in values]
