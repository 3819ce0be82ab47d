"""Shows what came in the period, each figure with its change against the equally long period before."""

from collections.abc import Sequence
from datetime import timedelta

from streams.page.charts.stats import Stat, stats
from streams.page.filters import matching
from streams.page.markup import Markup, tag, together
from streams.page.scope import Scope
from streams.page.values import change, for_people
from streams.page.view import Column, Panel, Row

__all__ = ["period"]

_SQL = """
SELECT what, currency, now, before, now - before AS change, if(before = 0, NULL, now / before - 1) AS of_before
FROM
(
    SELECT arrayJoin(arrayConcat(
        [('customers met', '', toFloat64(met), toFloat64(met_before)), ('new customers', '', toFloat64(new), toFloat64(new_before)),
            ('touches', '', toFloat64(touches), toFloat64(touches_before)), ('purchases', '', toFloat64(bought), toFloat64(bought_before))],
        arrayMap(c -> ('revenue', c, toFloat64(earned[c]), toFloat64(earned_before[c])), arraySort(arrayDistinct(arrayConcat(mapKeys(earned), mapKeys(earned_before)))))
    )) AS row, row.1 AS what, row.2 AS currency, row.3 AS now, row.4 AS before
    FROM
    (
        SELECT uniqExactIf(customer, here) AS met, uniqExactIf(customer, NOT here) AS met_before,
            uniqExactIf(customer, here AND first_seen >= {{since:DateTime64(6, 'UTC')}}) AS new,
            uniqExactIf(customer, NOT here AND first_seen >= {{earlier:DateTime64(6, 'UTC')}}) AS new_before,
            countIf(here) AS touches, countIf(NOT here) AS touches_before,
            countIf(here AND ifNull(revenue, 0) > 0) AS bought, countIf(NOT here AND ifNull(revenue, 0) > 0) AS bought_before,
            sumMap(if(here, money, map())) AS earned, sumMap(if(here, map(), money)) AS earned_before
        FROM
        (
            SELECT t.customer AS customer, t.revenue AS revenue, t.time >= {{since:DateTime64(6, 'UTC')}} AS here, s.first_seen AS first_seen,
                if(ifNull(t.revenue, 0) = 0, map(), map(toString(t.currency), toDecimal128(assumeNotNull(t.revenue), 4))) AS money
            FROM touchpoints AS t
            INNER JOIN
            (
                SELECT c.customer AS customer, min(e.first_seen) AS first_seen
                FROM (SELECT handle, first_seen FROM evidence WHERE brand = {{brand:String}} AND model = (SELECT model FROM model_in_force)) AS e
                INNER JOIN customers AS c ON c.handle = e.handle
                GROUP BY customer
            ) AS s ON s.customer = t.customer
            WHERE t.brand = {{brand:String}} AND t.time >= {{earlier:DateTime64(6, 'UTC')}} AND t.time < {{until:DateTime64(6, 'UTC')}}{matching}
        )
    )
)
"""


def period(scope: Scope) -> Panel:
    """Return the panel."""
    days = _before(scope)
    return Panel(
        name="period",
        title=_days(scope),
        counts=f"Counts touches of the period, customers with at least one of them, those whose first touch it has, and touches that"
        f" brought revenue. The change is against the equally long period before, {days}.",
        sql=_SQL.format(matching=matching(scope, "t.customer")),
        parameters=lambda _: {"earlier": scope.before},
        derive=_known,
        draw=_draw,
        picture=False,
        columns=(
            Column("what", "What"),
            Column("currency", "Currency"),
            Column("now", "Period", "number"),
            Column("before", "Period before", "number"),
            Column("change", "Change", "change"),
            Column("of_before", "Change, of before", "share"),
        ),
    )


def _known(rows: Sequence[Row], _: Scope) -> Sequence[Row]:
    """Return no rows where nothing came at all."""
    return rows if any(row["now"] or row["before"] for row in rows) else []


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    shown = [
        Stat(
            f"{row['what'].capitalize()} {row['currency']}".strip(),
            _figure(row, "now"),
            [] if scope.is_first else [_change(row)],
        )
        for row in rows
    ]
    against = (
        "There is nothing before to compare with" if scope.is_first else f"Compared with {_before(scope)}"
    )
    return together([tag("p", against, class_="told"), stats("Figures of the period", shown)])


def _days(scope: Scope) -> str:
    last = f"{scope.last_day:%-d %b %Y}"
    return last if scope.first_day == scope.last_day else f"{scope.first_day:%-d %b} to {last}"


def _before(scope: Scope) -> str:
    return (
        f"{scope.local(scope.before):%-d %b} to {scope.local(scope.since - timedelta(microseconds=1)):%-d %b}"
    )


def _figure(row: Row, column: str) -> str:
    return for_people(round(row[column]), "number")


def _change(row: Row) -> str:
    of_before = "" if row["of_before"] is None else f" ({change(round(100 * row['of_before']))} %)"
    return f"{change(round(row['change']))}{of_before}"
