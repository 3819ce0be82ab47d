"""Shows audiences: how many customers are in each, how that changed, and the customers of one as a list to act on."""

from collections.abc import Mapping, Sequence
from functools import partial

from streams.audiences.config import NAME, Audience
from streams.page.scope import Field, Scope
from streams.page.view import Column, Panel, Row, View

__all__ = ["VIEW", "audiences"]

# Those of the file come first, in its order: with nobody in them too.
_LISTED = """
SELECT
    audience,
    if(indexOf({names:Array(String)}, audience) = 0, '', {titles:Array(String)}[indexOf({names:Array(String)}, audience)]) AS title,
    sum(members) AS members,
    sum(entered) AS entered,
    sum(gone) AS gone,
    max(latest) AS changed_at
FROM
(
    SELECT
        toString(audience) AS audience,
        argMax(change, number) = 'entered' AS members,
        countIf(change = 'entered' AND at >= {now:DateTime64(6, 'UTC')} - INTERVAL 7 DAY) AS entered,
        countIf(change = 'left' AND at >= {now:DateTime64(6, 'UTC')} - INTERVAL 7 DAY) AS gone,
        toNullable(max(at)) AS latest
    FROM audience_changes
    WHERE brand = {brand:String}
    GROUP BY audience, customer
    UNION ALL
    SELECT arrayJoin({names:Array(String)}) AS audience, 0 AS members, 0 AS entered, 0 AS gone, NULL AS latest
)
GROUP BY audience
ORDER BY indexOf({names:Array(String)}, audience) = 0, indexOf({names:Array(String)}, audience), audience
"""
# A customer without a standing is one whose interactions the query of an audience does not look at.
_MEMBERS = """
SELECT
    m.customer AS customer,
    m.entered_at AS entered_at,
    if(s.customer = 0, NULL, toString(s.stage)) AS stage,
    s.lapses_at AS lapses_at,
    if(s.customer = 0, NULL, s.last_seen) AS last_seen,
    s.touches AS touches,
    s.revenue AS revenue
FROM (SELECT customer, entered_at FROM audience_members WHERE brand = {brand:String} AND audience = {audience:String}) AS m
LEFT JOIN (SELECT * FROM standings WHERE brand = {brand:String}) AS s ON s.customer = m.customer
ORDER BY entered_at DESC, customer
"""
# Somebody may be part of another by now.
_CHANGES = """
SELECT if(c.customer = 0, a.customer, c.customer) AS customer, a.at AS at, toString(a.change) AS change, toString(a.reason) AS reason, a.number AS number
FROM (SELECT * FROM audience_changes WHERE brand = {brand:String} AND audience = {audience:String}) AS a
LEFT JOIN customers AS c ON c.handle = a.customer
ORDER BY number DESC
"""
_HOW = (
    "No audiences are set up for this brand: name a file of them by JOURNEY_AUDIENCES (guide/audiences.md)."
)


def audiences(declared: Sequence[Audience]) -> View:
    """Return the view; `declared` are the audiences of the file, where this process is given one."""
    return View(
        name="audiences",
        title="Audiences",
        lead="Lists of customers that are kept up to date by conditions. Choose one for who is in it.",
        fields=(Field(name="audience", label="Audience", kind="hidden", pattern=f"|{NAME.pattern}"),),
        panels=partial(_panels, declared),
    )


def _panels(declared: Sequence[Audience], scope: Scope) -> Sequence[Panel]:
    of_brand = {one.name: one for one in declared if one.brand == scope.brand}
    listed = _listed(of_brand)
    if not (name := scope.own["audience"]):
        return (listed,)
    return listed, _members(name, of_brand.get(name)), _changes(name)


def _listed(of_brand: Mapping[str, Audience]) -> Panel:
    named = {"names": list(of_brand), "titles": [one.title for one in of_brand.values()]}
    return Panel(
        name="audiences",
        title="Audiences",
        counts="Counts customers who are in each audience, each once, and who entered and left it within seven days: who did both"
        " counts in both.",
        sql=_LISTED,
        parameters=lambda _: named,
        columns=(
            Column("audience", "Audience"),
            Column("title", "Title"),
            Column("members", "Customers", "number"),
            Column("entered", "Entered, 7 days", "number"),
            Column("gone", "Left, 7 days", "number"),
            Column("changed_at", "Last change", "time"),
        ),
        reads=(),
        link=_link,
        empty=_HOW,
    )


def _link(row: Row, scope: Scope) -> str:
    return scope.address("audiences", audience=row["audience"])


def _members(name: str, audience: Audience | None) -> Panel:
    said = f"{audience.description.strip()} " if audience and audience.description else ""
    return Panel(
        name="members",
        title=f"In {(audience and audience.title) or name}",
        counts=f"{said}Counts customers, each once, as of the last look at the audience; who entered last is first. Stage, touches and"
        " revenue are those of now and of all time. The CSV has all of them.",
        sql=_MEMBERS,
        columns=(
            Column("customer", "Customer", "customer"),
            Column("entered_at", "Entered", "time"),
            Column("stage", "Stage now"),
            Column("lapses_at", "Falls", "time"),
            Column("last_seen", "Last touch", "time"),
            Column("touches", "Touches", "number"),
            Column("revenue", "Revenue", "money"),
        ),
        reads=("audience",),
        empty="Nobody is in it now.",
    )


def _changes(name: str) -> Panel:
    return Panel(
        name="changes",
        title=f"Changes of {name}",
        counts="Each time that a customer entered the audience or left it, the latest first. Who was erased is in none of them.",
        sql=_CHANGES,
        columns=(
            Column("customer", "Customer", "customer"),
            Column("at", "When", "time"),
            Column("change", "Change"),
            Column("reason", "Why"),
        ),
        reads=("audience",),
        empty="Nobody has entered it yet.",
    )


VIEW = audiences(())
