"""Shows what moved customers up and down in the period: what they did, with which content, at which place."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from streams.page.charts.tops import Group, Top, tops
from streams.page.markup import Markup
from streams.page.scope import Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row
from streams.page.views.paths import CUSTOMERS, paths

__all__ = ["BY", "moved", "who_moved"]

BY = ("time", "type", "content", "place", "campaign")
"""What a move is put down to; time, where nothing but fading evidence was the reason."""

_SHOWN = 5  # of each kind in the drawing; the table has all
_HEADS = {
    "type": "What they did",
    "content": "Content",
    "place": "Place",
    "campaign": "Campaign",
    "time": "No act",
}
# A move up comes of evidence for the new stage, a move down of evidence taken from the old one, or of none at all. With each
# customer all that moved them, so that a list and its figure are of one query.
_MOVED = """
    SELECT m.customer AS customer, m.up AS up,
        if(empty(groupUniqArrayArrayIf(t.causes, t.position = m.of AND (t.weight > 0) = m.up) AS found), [('time', if(up, 'evidence from before', 'evidence faded'))], found) AS causes
    FROM
    (
        SELECT customer, path[2] > greatest(path[1], 0) AS up, if(up, path[2], path[1]) AS of
        FROM ({paths}) WHERE greatest(path[1], 0) != path[2]
    ) AS m
    LEFT JOIN
    (
        SELECT p.customer AS customer, toInt8(e.position) AS position, e.weight AS weight,
            arrayFilter(c -> c.2 != '', [('type', toString(p.type)), ('content', p.content), ('place', toString(p.place)), ('campaign', toString(p.campaign))]) AS causes
        FROM touch_evidence(model = (SELECT model FROM model_in_force)) AS e
        INNER JOIN
        (
            SELECT event, customer, type, content, place, campaign FROM touchpoints
            WHERE brand = {{brand:String}} AND time >= {{since:DateTime64(6, 'UTC')}} AND time < {{until:DateTime64(6, 'UTC')}}
        ) AS p ON p.event = e.event
        WHERE e.brand = {{brand:String}} AND e.time >= {{since:DateTime64(6, 'UTC')}} AND e.time < {{until:DateTime64(6, 'UTC')}}
    ) AS t ON t.customer = m.customer
    GROUP BY m.customer, m.up
"""
_CAUSES = """
SELECT if(up, 'up', 'down') AS way, cause.1 AS kind, cause.2 AS what, count() AS customers, any(moved) AS of_moved, customers / of_moved AS share
FROM
(
    SELECT up, arrayJoin(causes) AS cause, moved
    FROM (SELECT *, count() OVER (PARTITION BY up) AS moved FROM ({moved}))
)
GROUP BY up, kind, what
ORDER BY up DESC, indexOf({kinds}, kind), customers DESC, what
"""
_WHO = """
SELECT p.customer AS customer, s.stage AS stage, s.lapses_at AS lapses_at, s.touches AS touches, s.revenue AS revenue,
    s.first_seen AS first_seen, s.last_seen AS last_seen
FROM (SELECT customer FROM ({moved}) WHERE up = {{up:UInt8}} AND has(causes, ({{by:String}}, {{what:String}}))) AS p
INNER JOIN (SELECT * FROM standings WHERE brand = {{brand:String}}) AS s ON s.customer = p.customer
ORDER BY s.last_seen DESC, p.customer
"""


def _parameters(scope: Scope) -> dict[str, Any]:
    return {"instants": [scope.since, scope.at]}


def moved(scope: Scope) -> Panel:
    """Return the panel."""
    inner = _MOVED.format(paths=paths(scope))
    return Panel(
        name="moved",
        title="What moved them",
        counts="Counts customers whose stage at the end of the period is higher, or lower, than at its start. They moved up by touches"
        " that are evidence for their new stage, and down by touches that took evidence from the old one, or by none: evidence"
        " fades. A customer who was moved by several counts with each.",
        sql=_CAUSES.format(moved=inner, kinds=list(BY)),
        parameters=_parameters,
        draw=_draw,
        picture=False,
        link=_link,
        columns=(
            Column("what", "What"),
            Column("kind", "Kind"),
            Column("way", "Moved"),
            Column("customers", "Customers", "number"),
            Column("share", "Of those who moved so", "share"),
        ),
        empty="Nobody's stage changed in this period.",
    )


def _link(row: Row, scope: Scope) -> str:
    return scope.address("customers", moved=row["way"], by=row["kind"], what=row["what"])


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    groups = []
    for way, of_way in groupby(rows, lambda row: row["way"]):
        found = list(of_way)
        lists = [
            (_HEADS[kind], [_top(row, scope) for row in list(of_kind)[:_SHOWN]])
            for kind, of_kind in groupby(found, lambda row: row["kind"])
        ]
        groups.append(
            Group(f"{found[0]['of_moved']:,} moved {way}", lists, "accent" if way == "up" else "bad")
        )
    return tops(groups)


def _top(row: Row, scope: Scope) -> Top:
    said = f"{row['customers']:,} · {for_people(row['share'], 'share')}"
    return Top(row["what"], row["customers"], said, _link(row, scope))


def who_moved(scope: Scope) -> Panel:
    """Return the list of those who were moved so."""
    own = scope.own
    return Panel(
        name="list",
        title=f"Customers who moved {own['moved']}: {own['what']}",
        counts="Counts customers, each once, by the query that counted them; stage, touches and revenue are those of now and of all time.",
        sql=_WHO.format(moved=_MOVED.format(paths=paths(scope))),
        parameters=lambda _: _parameters(scope) | {"up": int(own["moved"] == "up")},
        columns=CUSTOMERS,
        empty="Nobody was: figures move on while events come in. Go back for the present ones.",
    )
