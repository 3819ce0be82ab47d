"""Defines views and their panels: one query each, from which its figure, its table and its downloads come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from streams.analysis.brands import Brand
from streams.http.viewer import Viewer
from streams.page.filters import fields_of
from streams.page.markup import Markup
from streams.page.scope import Field, Scope, ScopeError, read
from streams.store.clickhouse import ClickHouse

__all__ = ["Action", "Column", "Panel", "Row", "View", "folded"]

Row = dict[str, Any]
Draw = Callable[[Sequence[Row], Scope], Markup]

PAGE = 100  # rows of a list that are shown at once
MOST_ROWS = 500  # of a table; it says when there are more
MOST_COUNTED = 50_000  # rows that a figure is computed and drawn from; it says when there are more


def _as_they_are(rows: Sequence[Row], _: Scope) -> Sequence[Row]:
    return rows


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a panel's table and download.

    Attributes
    ----------
    name
        In the query's answer.
    kind
        text, number (grouped thousands), change (a number with its sign), plain (a number as it is), score (three decimals), share (0 to 1, as percent), time, duration (seconds),
        customer (a link to the journey), money (a map of currency to amount).
    """

    name: str
    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A query and the presentation of its rows.

    Attributes
    ----------
    name
        In addresses: letters, digits and dashes.
    counts
        A sentence that says what is counted and how: customers or touches, at once or eventually.
    sql
        One SELECT. It may name the parameters of the scope, {brand:String}, {since:DateTime64(6, 'UTC')}, until and now,
        the view's fields by their names, and what `parameters` adds.
    columns
        Of the table, in order; the query may return more. None: all that the query returns, under their own names.
    draw
        Returns the SVG; without it the table is the figure.
    picture
        Whether what is drawn can be had as PNG: it is one SVG.
    parameters
        Further parameters; raises ScopeError where the URL asks for what cannot be.
    derive
        What Python adds to the rows; the table and the downloads have it too.
    empty
        Shown in the place of figure and table where there is no row: what to do.
    link
        Address that a row leads to: exactly what it counts; None for none.
    wide
        Takes the whole width.
    reads
        The view's fields that the query, the drawing or the links name; None for all. The panel sees no others, and what
        was drawn of it is kept while others change.
    sorts
        Whether the headings of a list sort it.
    fresh_s
        Seconds after which it is asked again although the tables did not change: it shows something else too.
    """

    name: str
    title: str
    counts: str
    sql: str
    columns: Sequence[Column]
    draw: Draw | None = None
    picture: bool = True
    parameters: Callable[[Scope], Mapping[str, Any]] = lambda _: {}
    derive: Callable[[Sequence[Row], Scope], Sequence[Row]] = _as_they_are
    empty: str = "There is nothing in this period: choose a longer one."
    link: Callable[[Row, Scope], str | None] = lambda _, __: None
    wide: bool = True
    reads: Sequence[str] | None = None
    sorts: bool = True
    fresh_s: float | None = None

    @property
    def most(self) -> int:
        """How many rows are asked for: of what is computed from them, all that there can be; else what is listed."""
        return PAGE if self.is_list else MOST_COUNTED

    @property
    def is_list(self) -> bool:
        """Whether the rows are the query's own, and nothing else is computed from them: they are shown page by page."""
        return self.draw is None and self.derive is _as_they_are

    def page(self, scope: Scope) -> int:
        """Return which page of the list the URL asks for, from 0."""
        name, _, number = scope.own.get("page", "").partition(".")
        return int(number) - 1 if self.is_list and name == self.name else 0

    def sorted_by(self, scope: Scope) -> tuple[str, bool] | None:
        """Return the column by which the URL sorts the list, and whether the highest is first; None for the query's own order."""
        name, _, column = scope.own.get("sort", "").partition(".")
        if not (self.is_list and name == self.name):
            return None
        if column.removeprefix("-") not in {each.name for each in self.columns}:
            raise ScopeError("sort: there is no such column")
        return column.removeprefix("-"), column.startswith("-")

    def ordered(self, scope: Scope) -> str:
        """Return the query in the order that the URL asks for. Raises ScopeError."""
        if (asked := self.sorted_by(scope)) is None:
            return self.sql
        column, falls = asked
        kind = next(each.kind for each in self.columns if each.name == column)
        by = f"arraySum(mapValues({column}))" if kind == "money" else column
        return f"SELECT * FROM\n({self.sql})\nORDER BY {by}{' DESC' if falls else ''} NULLS LAST, {self.columns[0].name}"

    def with_columns(self, rows: Sequence[Row]) -> "Panel":
        """Return the panel with the columns of its answer, where it names none itself."""
        if self.columns or not rows:
            return self
        return replace(self, columns=tuple(_column(name, rows) for name in rows[0]))

    def with_more(self, columns: Sequence[Column]) -> "Panel":
        """Return the panel with other columns behind its own."""
        return replace(self, columns=(*self.columns, *columns))

    def seen(self, scope: Scope) -> Scope:
        """Return what of the scope the panel sees."""
        mine = {name for name in ("sort", "page") if scope.own.get(name, "").startswith(f"{self.name}.")}
        return scope.only(
            mine | set(scope.own if self.reads is None else self.reads) - ({"sort", "page"} - mine)
        )


def _column(name: str, rows: Sequence[Row]) -> Column:
    """Return a column whose kind its values tell."""
    value = next((row[name] for row in rows if row[name] is not None), None)
    kind = "text"
    if isinstance(value, int) and not isinstance(value, bool):
        kind = "customer" if name == "customer" else "number"
    elif isinstance(value, float | Decimal):
        kind = "plain"
    elif isinstance(value, Mapping):
        kind = "money"
    return Column(name, name.replace("_", " ").capitalize(), kind)


_OF_LISTS = (
    Field(name="sort", label="Sort", kind="hidden", pattern=r"|[a-z-]+\.-?\w+"),
    Field(name="page", label="Page", kind="hidden", pattern=r"|[a-z-]+\.[1-9]\d{0,6}"),
)
Action = Callable[[ClickHouse, Mapping[str, str], Viewer, int], str]
"""Takes a store that can be written to, the form, who asks and the time in microseconds; returns what was done, in words.

It raises ValueError with what is wrong, in words.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A page: the address is /view/NAME.

    Attributes
    ----------
    lead
        One or two sentences under the title: what can be seen here.
    fields
        The view's own parameters.
    panels
        Given the scope, so that a view may show other panels for other parameters.
    actions
        What a POST to /view/NAME/ACTION does; guarded, then back to the view.
    listed
        Whether the navigation names it.
    opens
        How much is shown where the URL names no period.
    of_all_brands
        Whether figures are those of all brands together: then only who may see all of them may see the view.
    """

    name: str
    title: str
    lead: str
    panels: Callable[[Scope], Sequence[Panel]]
    fields: Sequence[Field] = ()
    actions: Mapping[str, Action] | None = None
    listed: bool = True
    opens: timedelta = timedelta(days=366)
    of_all_brands: bool = False

    def read(
        self, query: Mapping[str, str], brands: Sequence[Brand], now: datetime, zones: Mapping[str, tzinfo]
    ) -> Scope:
        """Return what a URL asks of the view; `zones` are those of brands. Raises ScopeError."""
        return read(query, brands, self.all_fields, now, self.opens, zones)

    def shown_to(self, viewer: Viewer) -> bool:
        """Return whether somebody may see the view."""
        return viewer.brands is None or not self.of_all_brands

    @property
    def all_fields(self) -> Sequence[Field]:
        """The view's own parameters, and those that restrict it where it can be."""
        return (*self.fields, *fields_of(self.name), *_OF_LISTS)


def folded(rows: Sequence[Row], most: int, sums: Sequence[str], label: str) -> list[Row]:
    """Return at most `most` rows: those beyond are one, named "N others" under `label`, with `sums` added up.

    >>> folded([{"a": "x", "n": 3}, {"a": "y", "n": 2}, {"a": "z", "n": 1}], 2, ["n"], "a")
    [{'a': 'x', 'n': 3}, {'a': '2 others', 'n': 3}]
    """
    if len(rows) <= most:
        return list(rows)
    kept, rest = rows[: most - 1], rows[most - 1 :]
    other: Row = dict.fromkeys(rest[0], None)
    other |= {label: f"{len(rest):,} others"} | {name: sum(row[name] for row in rest) for name in sums}
    return [*kept, other]
