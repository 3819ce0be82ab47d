"""Parses the file of JOURNEY_AUDIENCES: a table ``[[audience]]`` for each list of customers; a mistake names audience and key."""

import re
import tomllib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streams.settings import SettingsError
from streams.text import toml_tables
from streams.text.encodings import text_of

__all__ = ["NAME", "Arrival", "Audience", "Revenue", "parse", "read"]

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MOST_DAYS = 3_650
_MOST_VALUES = 1_000

Stage = Literal["none", "attention", "attraction", "affinity", "audience", "advocacy"]
Channel = Literal["social", "web", "store", "support", "direct", "other"]
_Days = Annotated[int, Field(ge=1, le=_MOST_DAYS, strict=True)]
_Code = Annotated[str, Field(min_length=1, max_length=500)]
_Codes = Annotated[tuple[_Code, ...], Field(min_length=1, max_length=_MOST_VALUES)]
_CONFIG = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Revenue(BaseModel):
    """Bounds of what a customer brought, in one currency, refunds taken off; both are included."""

    model_config = _CONFIG

    min: Annotated[Decimal | None, Field(max_digits=18, decimal_places=4)] = None
    max: Annotated[Decimal | None, Field(max_digits=18, decimal_places=4)] = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("min, max or both are needed")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class Arrival(BaseModel):
    """That a customer came to a stage from a lower one, within days."""

    model_config = _CONFIG

    stage: Literal["attention", "attraction", "affinity", "audience", "advocacy"]
    within_days: _Days


class Audience(BaseModel):
    """A table ``[[audience]]`` of the file: the customers of a brand who meet all of its conditions.

    Attributes
    ----------
    every_s
        Seconds from one look to the next.
    brought_at_least
        Customers whom they brought directly.
    sql
        In the place of conditions: a SELECT over the tables and views, with a column `customer`; ``{brand:String}`` is the brand.
    """

    model_config = _CONFIG

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    title: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=2_000)] = ""
    brand: _Code
    every_s: Annotated[int, Field(ge=5, le=86_400, strict=True)] = 60
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)] | None = None
    lapses_within_days: _Days | None = None
    came_to: Arrival | None = None
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] | None = None
    places: _Codes | None = None
    products: _Codes | None = None
    seen_within_days: _Days | None = None
    not_seen_for_days: _Days | None = None
    revenue: Revenue | None = None
    mood: Literal["negative"] | None = None
    brought_at_least: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] | None = None
    sql: Annotated[str, Field(min_length=1, max_length=20_000)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [name for name in CONDITIONS if getattr(self, name) is not None]
        if self.sql is None and not given:
            raise ValueError(f"no condition: there are {', '.join(CONDITIONS)}, or sql")
        if self.sql is not None and given:
            raise ValueError(f"sql: is in the place of conditions; {given[0]} is given too")
        if self.sql is not None and ";" in self.sql.rstrip().removesuffix(";"):
            raise ValueError("sql: must be one query, without a semicolon inside")
        if (
            self.seen_within_days
            and self.not_seen_for_days
            and self.seen_within_days <= self.not_seen_for_days
        ):
            raise ValueError(
                "not_seen_for_days: nobody was seen within these days and was not: must be below seen_within_days"
            )
        if self.lapses_within_days and self.stages == ("none",):
            raise ValueError("lapses_within_days: there is no lapse from none")
        return self


CONDITIONS = tuple(
    name
    for name in Audience.model_fields
    if name not in {"name", "title", "description", "brand", "every_s", "sql"}
)
"""The keys that are conditions; who meets all of those that are given is in the audience."""


def read(path: Path) -> Sequence[Audience]:
    """Read the file.

    Raises
    ------
    SettingsError
        It cannot be used; the message names the first mistake, with audience and key.
    """
    found, mistakes = parse(path)
    if mistakes:
        raise SettingsError(mistakes[0])
    return found


def parse(path: Path) -> tuple[Sequence[Audience], list[str]]:
    """Read what can be read of the file; return that, and every mistake, a line each."""
    try:
        tables = tomllib.loads(text_of(path), parse_float=Decimal)
    except (OSError, ValueError) as error:
        return [], [f"JOURNEY_AUDIENCES: {path}: {error}"]
    entries = tables.pop("audience", [])
    tables.pop("destination", None)  # see streams.destinations
    mistakes = [
        f"{path}: {key}: unknown; there are tables [[audience]] and [[destination]]" for key in sorted(tables)
    ]
    read_all = [
        toml_tables.entry(Audience, where, entry, mistakes, _known)
        for where, entry in toml_tables.tables(path, "audience", entries, mistakes)
    ]
    found = [one for one in read_all if one is not None]
    toml_tables.distinct(path, "audience", [one.name for one in found], mistakes)
    return found, mistakes


def _known(place: tuple[int | str, ...]) -> Sequence[str]:
    within: dict[str, type[BaseModel]] = {"revenue": Revenue, "came_to": Arrival}
    return list(within.get(str(place[0]), Audience).model_fields)
