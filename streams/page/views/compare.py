"""Shows two of a kind side by side: two brands, channels, places, products, contents, campaigns or devices."""

from collections.abc import Mapping, Sequence
from typing import Any

from journey.stage import Stage
from streams.page.charts.pairs import Measure, pairs
from streams.page.markup import Markup, tag, together
from streams.page.scope import Field, Scope, ScopeError
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row, View
from streams.page.views.paths import named

__all__ = ["VIEW"]

_KINDS = ("place", "channel", "product", "content", "campaign", "device", "brand")
_TOUCHES = """
    FROM touchpoints
    WHERE {brand} AND time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}
"""
# Without names, the two that most customers meet are compared. Both ends of `pair` are names; the empty one is nobody.
_PAIR = """
    (
        SELECT arrayConcat(
            if({one:String} = '', arraySlice(arrayFilter(n -> n != {other:String}, busiest), 1, 1), [{one:String}]) AS first,
            if({other:String} = '', arraySlice(arrayFilter(n -> n != first[1], busiest), 1, 1), [{other:String}]))
        FROM
        (
            SELECT groupArray(name) AS busiest
            FROM (SELECT toString({kind}) AS name, uniqExact(customer) AS n {touches} AND name IN {names} GROUP BY name ORDER BY n DESC, name LIMIT 3)
        )
    )
"""
_SQL = """
WITH {pair} AS pair
SELECT name, indexOf(pair, name) AS side, count() AS customers, sum(touches) AS touches, sum(bought) AS purchases, countIf(bought > 0) AS buyers,
    sumMap(earned) AS revenue, sum(rated) / nullIf(sum(ratings), 0) AS rating,
    sumMap(map(position, toUInt64(1))) AS stages
FROM
(
    SELECT t.name AS name, t.customer AS customer, t.touches AS touches, t.bought AS bought, t.earned AS earned, t.rated AS rated,
        t.ratings AS ratings, toUInt8(ifNull(s.position, 0)) AS position
    FROM
    (
        SELECT toString({kind}) AS name, any(brand) AS of_brand, customer, count() AS touches, countIf(ifNull(revenue, 0) > 0) AS bought,
            sumMap(if(ifNull(revenue, 0) = 0, map(), map(toString(currency), toDecimal128(assumeNotNull(revenue), 4)))) AS earned,
            sum(ifNull(rating, 0)) AS rated, count(rating) AS ratings
        {touches} AND has(pair, name)
        GROUP BY name, customer
    ) AS t
    LEFT JOIN (SELECT brand, customer, position FROM standings WHERE {brand}) AS s ON s.customer = t.customer AND s.brand = t.of_brand
)
GROUP BY name
ORDER BY side
"""
_NAMES = """
SELECT toString({kind}) AS name, uniqExact(customer) AS customers, count() AS touches {touches} AND name IN {names}
GROUP BY name ORDER BY customers DESC, name
"""


def _filled(sql: str, scope: Scope) -> str:
    """Return a query for the kind; of brands, only those that whoever asks may see."""
    kind = scope.own["kind"]
    of_all = kind == "brand"
    brand = "brand IN {brands:Array(String)}" if of_all else "brand = {brand:String}"
    # A touch without a place is at none: it is not compared.
    names = (
        "{brands:Array(String)}"
        if of_all
        else f"(SELECT DISTINCT toString({kind}) FROM touchpoints WHERE {brand} AND {kind} != '')"
    )
    for name, text in (
        ("pair", _PAIR),
        ("touches", _TOUCHES.strip()),
        ("kind", kind),
        ("brand", brand),
        ("names", names),
    ):
        sql = sql.replace(f"{{{name}}}", text)
    return sql


def _parameters(scope: Scope) -> Mapping[str, Any]:
    for name in ("one", "other"):
        if scope.own["kind"] == "brand" and scope.own[name] and scope.own[name] not in scope.brands:
            raise ScopeError(f"{name}: there is no such brand")
    return {"brands": list(scope.brands)}


def _measures(rows: Sequence[Row], _: Scope) -> list[Row]:
    """Return a row for each measure, with both sides; none where there are no two."""
    if len(rows) != 2:  # noqa: PLR2004 - sides
        return []
    found: list[Row] = []

    def add(what: str, values: Sequence[Any], kind: str = "number") -> None:
        found.append(
            {
                "what": what,
                "kind": kind,
                "first": values[0],
                "second": values[1],
                "first_name": rows[0]["name"],
                "second_name": rows[1]["name"],
            }
        )

    for what in ("customers", "touches", "purchases", "buyers"):
        add(what.capitalize(), [row[what] for row in rows])
    for currency in sorted({name for row in rows for name in row["revenue"]}):
        add(f"Revenue, {currency}", [float(row["revenue"].get(currency, 0)) for row in rows], "amount")
    add("Buyers, of customers", [row["buyers"] / row["customers"] for row in rows], "share")
    if all(row["rating"] is not None for row in rows):
        add("Rating, on average", [row["rating"] for row in rows], "score")
    for stage in reversed(Stage):
        add(
            f"{named(stage).capitalize()} now, of customers",
            [row["stages"].get(int(stage), 0) / row["customers"] for row in rows],
            "share",
        )
    return found


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    names = (rows[0]["first_name"], rows[0]["second_name"])
    measures = [_measure(row, names, scope) for row in rows]
    legend = [
        tag("li", tag("span", class_=f"swatch {side}"), name)
        for side, name in zip(("way-left", "way-right"), names, strict=True)
    ]
    half = (len(measures) + 1) // 2
    drawn = [
        pairs("pairs", f"{names[0]} and {names[1]}", measures[:half]),
        pairs("stages", "Stages now", measures[half:]),
    ]
    return together([tag("ul", legend, class_="legend"), tag("div", drawn, class_="beside")])


def _measure(row: Row, names: Sequence[str], scope: Scope) -> Measure:
    values = (float(row["first"]), float(row["second"]))
    said = [for_people(value, row["kind"]) for value in values]
    says = [f"{name}: {row['what']} {text}" for name, text in zip(names, said, strict=True)]
    led = [_customers(scope, name) if row["what"] == "Customers" else None for name in names]
    return Measure(row["what"], values, (said[0], said[1]), (says[0], says[1]), (led[0], led[1]))


def _customers(scope: Scope, name: str) -> str | None:
    """Return the address of the customers of a side."""
    kind = scope.own["kind"]
    return None if kind == "brand" else scope.address("customers", **{f"met_{kind}": name})


def _panels(scope: Scope) -> Sequence[Panel]:
    kind = scope.own["kind"]
    sides = Panel(
        name="sides",
        title="Side by side",
        counts="Counts customers with a touch there in the period, and the touches, purchases and revenue that they had there. Stages"
        " are those of these customers now. Each measure has a scale of its own, shared by both.",
        sql=_filled(_SQL, scope),
        parameters=_parameters,
        derive=_measures,
        draw=_draw,
        picture=False,
        columns=(
            Column("what", "What"),
            Column("first", "One", "plain"),
            Column("second", "Other", "plain"),
            Column("first_name", "One is"),
            Column("second_name", "Other is"),
        ),
        empty=f"There are no two with a touch in this period: choose a longer one, or another {kind}.",
    )
    choose = Panel(
        name="names",
        title=f"Every {kind}",
        counts="Counts customers with a touch there in the period. Choose one to compare it with the other.",
        sql=_filled(_NAMES, scope),
        parameters=_parameters,
        columns=(
            Column("name", kind.capitalize()),
            Column("customers", "Customers", "number"),
            Column("touches", "Touches", "number"),
        ),
        link=_chosen,
        empty=f"No touch of this period has a {kind}.",
    )
    return sides, choose


def _chosen(row: Row, scope: Scope) -> str | None:
    """Return the address that compares a name: with the one that was chosen last."""
    last = scope.own["other"] or scope.own["one"]
    return scope.address(
        "compare", kind=scope.own["kind"], one=last if last != row["name"] else "", other=row["name"]
    )


VIEW = View(
    name="compare",
    title="Compare",
    lead="Two of a kind side by side: the two that most customers meet, or those that you choose.",
    fields=(
        Field(
            name="kind",
            label="Kind",
            kind="choice",
            default="place",
            choices=[(kind, kind.capitalize()) for kind in _KINDS],
        ),
        Field(name="one", label="One"),
        Field(name="other", label="Other"),
    ),
    panels=_panels,
)
