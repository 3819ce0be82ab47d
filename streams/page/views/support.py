"""Shows customers who are unhappy, for those who can help them: where, how much, and by which act."""

from collections.abc import Sequence
from typing import Any

from streams.page.scope import Field, Scope
from streams.page.view import Column, Panel, Row, View

__all__ = ["VIEW"]

_UNHAPPY = "FROM unhappy_customers(at = {at:DateTime64(6, 'UTC')}) WHERE brand = {brand:String}"
_PLACES = f"""
SELECT place, if(place = '', 'no place', place) AS named, count() AS customers, sum(open_tickets) AS open_tickets, max(last_at) AS last_at
{_UNHAPPY}
GROUP BY place ORDER BY customers DESC, place
"""
_LIST = f"""
SELECT customer, place, affinity, advocacy, last_at, last_type, open_tickets,
    arrayStringConcat(arrayFilter(x -> x != '', [last_content, last_product,
        if(last_rating IS NULL, '', concat('rated ', toString(last_rating))),
        if(last_sentiment IS NULL, '', concat('sentiment ', toString(last_sentiment)))]), ' · ') AS about
{_UNHAPPY} AND ({{chosen:String}} = '' OR place = {{place:String}})
ORDER BY balance, customer
"""


def _parameters(scope: Scope) -> dict[str, Any]:
    return {"at": scope.at}


def _link(row: Row, scope: Scope) -> str:
    return scope.address("support", chosen="yes", place=row["place"])


def _panels(scope: Scope) -> Sequence[Panel]:
    chosen = f", {scope.own['place'] or 'no place'}" if scope.own["chosen"] else ""
    listed = Panel(
        name="unhappy",
        title=f"Unhappy customers{chosen}",
        counts="Counts customers, each once, whose balance of Affinity or Advocacy is below zero at the end of the period: more,"
        " as it has faded by then, speaks against the brand than for it. The act is the latest that does; the unhappiest are"
        " first. Open tickets are those without a resolution.",
        sql=_LIST,
        parameters=_parameters,
        columns=(
            Column("customer", "Customer", "customer"),
            Column("place", "Latest place"),
            Column("affinity", "Affinity", "score"),
            Column("advocacy", "Advocacy", "score"),
            Column("last_at", "Latest act"),
            Column("last_type", "What"),
            Column("about", "About"),
            Column("open_tickets", "Open tickets", "number"),
        ),
        empty="Nobody: no customer's balance is below zero.",
    )
    return _PLACE, listed


_PLACE = Panel(
    name="places",
    title="By place",
    counts="Counts the same customers by the place of their latest touch that names one.",
    sql=_PLACES,
    parameters=_parameters,
    columns=(
        Column("named", "Place"),
        Column("customers", "Unhappy customers", "number"),
        Column("open_tickets", "Open tickets", "number"),
        Column("last_at", "Latest act"),
    ),
    reads=(),
    link=_link,
    empty="Nobody: no customer's balance is below zero.",
)

VIEW = View(
    name="support",
    title="Support",
    lead="Customers who are unhappy, and with what: angry words, bad ratings, tickets that nobody solved. Choose one for the"
    " whole journey.",
    fields=(
        Field(name="chosen", label="One place", kind="hidden", pattern="|yes"),
        Field(name="place", label="Place", kind="hidden"),
    ),
    panels=_panels,
)
