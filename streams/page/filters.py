"""Restricts the customers of a view to those with a certain touch in the period: fields, SQL, and names to choose from."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from journey.channel import CHANNELS
from streams.page.markup import Markup, tag
from streams.page.scope import Field, Scope
from streams.store.clickhouse import ClickHouse

__all__ = ["FILTERS", "Names", "lists", "matching", "names_of", "note"]

_GROUP = "Only customers with a touch in the period that has"
_MOST_NAMES = 100  # to choose from, of a kind; others are typed
_KINDS = ("place", "product", "content", "campaign", "device")

FILTERS: tuple[Field, ...] = (
    Field(
        name="met_channel", label="Channel", kind="choice", group=_GROUP,
        choices=(("", "any"), *((name, name) for name in CHANNELS)),
    ),
    *(Field(name=f"met_{kind}", label=kind.capitalize(), group=_GROUP, known=kind) for kind in _KINDS),
)  # fmt: skip
"""Fields of each view that can be restricted; one touch must have all that is asked for."""

Names = Mapping[str, Sequence[str]]
"""The names that a brand's touches have most often, by kind."""


def matching(scope: Scope, customer: str = "customer", joined: str = "AND") -> str:
    """Return the condition that a customer's column has to meet, with `joined` before it; "" where nothing is asked for."""
    asked = [each.name for each in FILTERS if scope.own.get(each.name)]
    if not asked:
        return ""
    conditions = " AND ".join(f"{name.removeprefix('met_')} = {{{name}:String}}" for name in asked)
    return f"""
{joined} {customer} IN
(
    SELECT customer FROM touchpoints
    WHERE brand = {{brand:String}} AND time >= {{since:DateTime64(6, 'UTC')}} AND time < {{until:DateTime64(6, 'UTC')}} AND {conditions}
)"""


def note(view: str, scope: Scope) -> Markup | None:
    """Return a line that says to whom the figures are restricted, with a link to all; None where they are not."""
    asked = [(each.label.lower(), scope.own[each.name]) for each in FILTERS if scope.own.get(each.name)]
    if not asked:
        return None
    kept = {name: value for name, value in scope.given.items() if not name.startswith("met_")}
    said = " and ".join(f"{kind} {value}" for kind, value in asked)
    everybody = tag("a", "Show everybody", href=f"/view/{view}?{urlencode({'brand': scope.brand} | kept)}")
    return tag("p", f"Only customers with a touch in the period of {said}. ", everybody, class_="filtered")


def names_of(brand: str, store: ClickHouse) -> Names:
    """Return the names of each kind, the most frequent first."""
    parts = " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, toString({kind}) AS name, count() AS n FROM interactions_kept"
        f" WHERE brand = {{brand:String}} AND {kind} != '' GROUP BY name ORDER BY n DESC, name LIMIT {_MOST_NAMES}"
        for kind in _KINDS
    )
    found: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for row in store.rows(f"SELECT kind, name FROM ({parts}) ORDER BY kind, n DESC, name", {"brand": brand}):
        found[row["kind"]].append(row["name"])
    return found


def lists(names: Names) -> Markup:
    """Return what fields of the form offer to choose from."""
    made = (
        tag("datalist", (tag("option", value=name) for name in found), id=f"known-{kind}")
        for kind, found in names.items()
    )
    return tag("div", made, hidden=True)
