"""Loads and runs the recipes of the cookbook: questions of marketers, each with the query that answers it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

from journey.errors import UserError
from streams.store.clickhouse import ClickHouse

__all__ = ["PARTS", "CookbookError", "Recipe", "answer", "parameters", "recipe", "recipes"]

PARTS = (
    "target insight",
    "behaviours",
    "value proposition",
    "two-way communication",
    "content",
    "media plan",
    "psycho-demographic communication along the A-Path",
    "post-sale support",
    "loyalty",
    "word of mouth",
    "advocacy",
    "metrics",
)
"""The twelve parts of a social marketing strategy."""

_DEFAULT = re.compile(r"(\w+) = (.*)")


class CookbookError(UserError, ValueError):
    """An error of a recipe or parameter that does not exist; the message names those that do."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A file of ``schemas/cookbook``.

    Attributes
    ----------
    file
        Its name in the folder.
    name
        The same without number and ending.
    question
        What it answers.
    parts
        Those of `PARTS` that it belongs to.
    defaults
        Its parameters, with the values for the bundled data.
    note
        How it counts; "" where the question says all.
    sql
        The query, with parameters as ``{name:Type}``.
    """

    file: str
    name: str
    question: str
    parts: tuple[str, ...]
    defaults: Mapping[str, str]
    note: str
    sql: str

    @classmethod
    def read(cls, file: str, text: str) -> "Recipe":
        """Read a file: a comment that describes the recipe, then the query."""
        lines = text.splitlines()
        head = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
        defaults = {found[1]: found[2] for line in head[2:] if (found := _DEFAULT.fullmatch(line))}
        return cls(
            file=file,
            name=file.partition("_")[2].removesuffix(".sql"),
            question=head[0],
            parts=tuple(part.strip() for part in head[1].removeprefix("parts:").split(",")),
            defaults=defaults,
            note=" ".join(line for line in head[2:] if not _DEFAULT.fullmatch(line)),
            sql="\n".join(line for line in lines if not line.startswith("--")).strip(),
        )


def recipes() -> list[Recipe]:
    """Return all recipes, in the order of their files."""
    folder = files("schemas").joinpath("cookbook")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [Recipe.read(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def recipe(name: str) -> Recipe:
    """Return the recipe of a name. Raises CookbookError."""
    known = {one.name: one for one in recipes()}
    if name not in known:
        raise CookbookError(f"no recipe {name!r}; there are {', '.join(known)}")
    return known[name]


def answer(store: ClickHouse, asked: Recipe, given: Mapping[str, str], fmt: str) -> Iterator[bytes]:
    """Run a recipe and yield what ClickHouse prints in that format. Raises CookbookError, QueryError."""
    return store.stream(asked.sql, fmt, parameters(asked, given), {})


def parameters(asked: Recipe, given: Mapping[str, str]) -> dict[str, str]:
    """Return every parameter of a recipe: what is given, else that of the example. Raises CookbookError."""
    if unknown := given.keys() - asked.defaults.keys():
        raise CookbookError(f"{asked.name} has no {min(unknown)}; it has {', '.join(asked.defaults)}")
    return {**asked.defaults, **given}
