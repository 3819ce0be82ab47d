"""Reads tables such as [[rule]] of our TOML files one by one: what is wrong with one is told, and the others are read all the same."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

__all__ = ["distinct", "entry", "tables"]

Entry = TypeVar("Entry", bound=BaseModel)
Place = tuple[int | str, ...]


def tables(
    path: Path, kind: str, found: object, mistakes: list[str]
) -> list[tuple[str, Mapping[str, object]]]:
    """Return the tables of a kind, each with how mistakes name it; none, with a mistake, where it is something else."""
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        mistakes.append(f"{path}: {kind}: must be tables [[{kind}]]")
        return []
    return [(f"{path}: {kind} {one.get('name', number)!r}", one) for number, one in enumerate(found, 1)]


def entry(
    kind: type[Entry],
    where: str,
    found: Mapping[str, object],
    mistakes: list[str],
    known: Callable[[Place], Sequence[str]] | None = None,
) -> Entry | None:
    """Return a table as what it is, None with mistakes; values are not shown, since some are secret.

    `known` returns the keys that there are at the place of one that is unknown, so that the mistake names them.
    """
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            key = ".".join(map(str, each["loc"]))
            said = each["msg"].removeprefix("Value error, ")
            if known is not None and each["type"] == "extra_forbidden":
                said = f"unknown; there are {', '.join(known(each['loc']))}"
            mistakes.append(f"{where}: {f'{key}: ' if key else ''}{said}")
        return None


def distinct(path: Path, kind: str, names: Sequence[str], mistakes: list[str]) -> None:
    """See that no name is used twice."""
    twice = {name for name in names if names.count(name) > 1}
    mistakes += [f"{path}: {kind}: name: {name!r} is used twice" for name in sorted(twice)]
