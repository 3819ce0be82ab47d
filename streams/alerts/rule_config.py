"""Parses the rules of stage alerts: a SQL query that returns figures, and the limit of these."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from journey.alerts import Limit, Rule
from streams.read_only.judge import Reach, RefusedError
from streams.read_only.statement import reach, read
from streams.settings import SettingsError
from streams.store.clickhouse import ClickHouse, QueryError

__all__ = ["COLUMNS", "RULE_NAME", "Declared", "RuleEntry", "check", "columns"]

COLUMNS = {"figure": "number", "brand": "text", "label": "text", "actual": "number", "target": "number"}
"""Columns of a rule's query; all but `figure` may be left out, and `actual` and `target` together."""

RULE_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_OFTENEST, _SELDOMEST, _LONGEST = timedelta(seconds=10), timedelta(days=7), timedelta(days=90)
_DIRECTIONS = {"for", "against"}
_Kind = Literal["above", "below", "rises_by", "falls_by"]
_LIMITS: tuple[_Kind, ...] = get_args(_Kind)
_NUMBER = re.compile(r"(U?Int\d+|Float\d+|Decimal.*)")


@dataclass(frozen=True, slots=True)
class Declared:
    """A rule with its query: evaluated `every`, compared with the figure `over` ago where the limit is relative."""

    rule: Rule
    sql: str
    every: timedelta
    over: timedelta | None


def _span(value: object) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([smhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a number with s, m, h or d, such as 5m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


_Span = Annotated[timedelta, BeforeValidator(_span)]


class RuleEntry(BaseModel):
    """A table ``[[rule]]`` of the file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    name: Annotated[str, Field(pattern=f"^{RULE_NAME.pattern}$")]
    sql: Annotated[str, Field(min_length=1, max_length=20_000)]
    every: _Span = timedelta(minutes=1)
    above: float | None = None
    below: float | None = None
    rises_by: Annotated[float | None, Field(gt=0)] = None
    falls_by: Annotated[float | None, Field(gt=0, le=1)] = None
    over: _Span | None = None
    severity: Literal["notice", "warning", "critical"] = "warning"
    calm: _Span = timedelta(minutes=30)
    cooldown: _Span = timedelta(hours=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.name in _DIRECTIONS:
            raise ValueError(f"name: {self.name!r} is a direction of spikes; take another")
        given = [name for name in _LIMITS if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"{' and '.join(given)} are given" if given else "none is given"
            raise ValueError(f"one of {', '.join(_LIMITS)} says when to alert; {said}")
        if not _OFTENEST <= self.every <= _SELDOMEST:
            raise ValueError("every: must be from 10s to 7d")
        if (self.over is not None) != Limit(given[0], 1).is_relative:
            raise ValueError(f"over: {'is only for rises_by and falls_by' if self.over else f'{given[0]} needs it: since when'}")  # fmt: skip
        if self.over is not None and not self.every <= self.over <= _LONGEST:
            raise ValueError("over: must be from every to 90d")
        if ";" in self.sql.rstrip().removesuffix(";"):
            raise ValueError("sql: must be one query, without a semicolon inside")
        return self

    def declared(self) -> Declared:
        """Return the rule."""
        kind = next(name for name in _LIMITS if getattr(self, name) is not None)
        limit = Limit(kind, getattr(self, kind))
        rule = Rule(self.name, limit, self.severity, self.calm, self.cooldown)
        return Declared(rule, self.sql.strip().removesuffix(";"), self.every, self.over)


def check(store: ClickHouse, rules: Sequence[Declared], where: str) -> None:
    """See that each query can be run, reads tables and views of ours only, and has the columns; run none.

    Raises
    ------
    SettingsError
        One cannot; in ClickHouse's words.
    StoreError
        ClickHouse does not answer.
    """
    within = reach(store.query, store.database)
    for one in rules:
        place = f"{where}: rule {one.rule.name!r}: sql"
        try:
            _check_select(store, one.sql, within)
            found = columns(store, one)
        except (QueryError, RefusedError) as error:
            raise SettingsError(f"{place}: {error}") from error
        _check_columns(place, found)


def _check_select(store: ClickHouse, sql: str, within: Reach) -> None:
    if not read(store.query, sql, within).judged.selects:
        raise RefusedError("a rule must be a SELECT")


def columns(store: ClickHouse, one: Declared) -> dict[str, str]:
    """Return the columns of a rule's query, with their types."""
    return {str(row[0]): str(row[1]) for row in store.query(f"DESCRIBE (\n{one.sql}\n)", {})}


def _check_columns(place: str, found: Mapping[str, str]) -> None:
    if "figure" not in found:
        raise SettingsError(f"{place}: has no column figure, but {', '.join(found)}; name it so: … AS figure")
    if unknown := found.keys() - COLUMNS.keys():
        raise SettingsError(f"{place}: column {min(unknown)}: unknown; there are {', '.join(COLUMNS)}")
    if ("actual" in found) != ("target" in found):
        raise SettingsError(f"{place}: columns actual and target: both or none")
    for name, kind in found.items():
        plain = re.sub(r"^(Nullable|LowCardinality)\((.*)\)$", r"\2", kind)
        if COLUMNS[name] == "number" and not _NUMBER.fullmatch(plain):
            raise SettingsError(f"{place}: column {name} is {kind}: must be a number")
