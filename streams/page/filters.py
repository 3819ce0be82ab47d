"""Restricts a view to customers with a certain touch in the period, or to certain touches: fields, SQL, and names to choose from."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from journey.channel import CHANNELS
from streams.page.markup import Markup, tag
from streams.page.scope import FILTERED, Field, Scope
from streams.store.clickhouse import ClickHouse

__all__ = ["Names", "conditions", "fields_of", "is_filtered", "lists", "matching", "names_of", "note"]

_MOST_NAMES = 100  # to choose from, of a kind; others are typed
_KINDS = ("place", "product", "content", "campaign", "device")
_OF_ACTS = {"spikes": "praise and attacks"}
"""Views that are restricted to touches themselves, and what these are called; others are to customers with such a touch."""


def fields_of(view: str) -> tuple[Field, ...]:
    """Return the fields by which a view can be restricted; one touch must have all that is asked for."""
    if view not in FILTERED:
        return ()
    acts = _OF_ACTS.get(view)
    group = f"Only {acts} that have" if acts else "Only customers with a touch in the period that has"
    any_channel = (("", "any"), *((name, name) for name in CHANNELS))
    return (
        Field(name="met_channel", label="Channel", kind="choice", group=group, choices=any_channel),
        *(Field(name=f"met_{kind}", label=kind.capitalize(), group=group, known=kind) for kind in _KINDS),
    )


Names = Mapping[str, Sequence[str]]
"""The names that a brand's touches have most often, by kind."""


def _asked(scope: Scope) -> list[str]:
    """Return the kinds that the scope restricts."""
    return [kind for kind in ("channel", *_KINDS) if scope.own.get(f"met_{kind}")]


def is_filtered(scope: Scope) -> bool:
    """Return whether the scope restricts anything."""
    return bool(_asked(scope))


def conditions(scope: Scope, kinds: Sequence[str] = ("channel", *_KINDS)) -> str:
    """Return the condition that a touch has to meet, as far as it is about these kinds; "" where nothing is asked for."""
    return " AND ".join(f"{kind} = {{met_{kind}:String}}" for kind in _asked(scope) if kind in kinds)


def matching(scope: Scope, customer: str = "customer", joined: str = "AND") -> str:
    """Return the condition that a customer's column has to meet, with `joined` before it; "" where nothing is asked for."""
    if not is_filtered(scope):
        return ""
    return f"""
{joined} {customer} IN
(
    SELECT customer FROM touchpoints
    WHERE brand = {{brand:String}} AND time >= {{since:DateTime64(6, 'UTC')}} AND time < {{until:DateTime64(6, 'UTC')}} AND {conditions(scope)}
)"""


def note(view: str, scope: Scope) -> Markup | None:
    """Return a line that says to what the figures are restricted, with a link to all; None where they are not."""
    if not is_filtered(scope):
        return None
    kept = {name: value for name, value in scope.given.items() if not name.startswith("met_")}
    of = " and ".join(f"{kind} {scope.own[f'met_{kind}']}" for kind in _asked(scope))
    acts = _OF_ACTS.get(view)
    said = f"Only {acts} of {of}. " if acts else f"Only customers with a touch in the period of {of}. "
    there = f"/view/{view}?{urlencode({'brand': scope.brand} | kept)}"
    return tag("p", said, tag("a", "Show all" if acts else "Show everybody", href=there), class_="filtered")


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
