"""What a view is: panels, each of one query from which its figure, its table and its downloads come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.page.markup import Markup
from streams.page.scope import Field, Scope
from streams.store import ClickHouse

__all__ = ["Action", "Column", "Panel", "Row", "View", "folded"]

Row = dict[str, Any]
Draw = Callable[[Sequence[Row], Scope], Markup]

MOST_ROWS = 500  # of a panel; a table says when there are more


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a panel's table and download.

    Attributes
    ----------
    name
        In the query's answer.
    kind
        text, number (grouped thousands), score (three decimals), share (0 to 1, as percent), time, duration (seconds),
        customer (a link to the journey), money (a map of currency to amount).
    """

    name: str
    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One query and what is shown of it.

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
        Of the table, in order; the query may return more.
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
    fresh_s
        Seconds after which it is asked again although the tables did not change: it tells of something else too.
    """

    name: str
    title: str
    counts: str
    sql: str
    columns: Sequence[Column]
    draw: Draw | None = None
    picture: bool = True
    parameters: Callable[[Scope], Mapping[str, Any]] = lambda _: {}
    derive: Callable[[Sequence[Row], Scope], Sequence[Row]] = lambda rows, _: rows
    empty: str = "There is nothing in this period: choose a longer one."
    link: Callable[[Row, Scope], str | None] = lambda _, __: None
    wide: bool = True
    reads: Sequence[str] | None = None
    fresh_s: float | None = None

    def seen(self, scope: Scope) -> Scope:
        """Return what of the scope the panel sees."""
        return scope if self.reads is None else scope.only(self.reads)


Action = Callable[[ClickHouse, Mapping[str, str], str, int], str]
"""Takes a store that can be written to, the form, who asks and the time; returns what was done, in words.

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
    """

    name: str
    title: str
    lead: str
    panels: Callable[[Scope], Sequence[Panel]]
    fields: Sequence[Field] = ()
    actions: Mapping[str, Action] | None = None
    listed: bool = True


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
