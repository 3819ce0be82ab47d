"""Shows one journey: every touch of a customer on one line, and the evidence for their stage."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from journey.evidence import TOLERANCE
from journey.stage import STAGES, Stage
from streams.analysis.explain import contributions_sql, lapse
from streams.page.charts.decay import Evidence, Score, fading
from streams.page.charts.line import Link, Span, Touch, line
from streams.page.markup import Markup, tag, together
from streams.page.scope import Field, Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row, View
from streams.page.views.paths import CUSTOMERS, named
from streams.page.views.who import WHO

__all__ = ["VIEW"]

_DRAWN = 500  # touches, the latest; more could not be told apart
_ID = "(SELECT customer FROM customers WHERE handle = {customer:UInt64})"  # by any handle of theirs
_THEIRS = f"(SELECT handle FROM customers WHERE customer IN {_ID})"
_IN_FORCE = "(SELECT model FROM model_in_force)"


def _here(column: str) -> str:
    """Return the condition that a handle is one of the brand: an event of it has named it."""
    there = "SELECT arrayJoin(handles) FROM interactions WHERE brand = {brand:String}"
    expired = "SELECT handle FROM carried_handles WHERE brand = {brand:String}"
    return f"({column} IN ({there}) OR {column} IN ({expired}))"


_LINE = f"""
SELECT * FROM
(
    SELECT 'touch' AS what, t.time AS at, toString(t.type) AS type, toString(t.channel) AS channel,
        arrayStringConcat(arrayFilter(x -> x != '', [t.content, t.product, toString(t.place), toString(t.campaign),
            if(t.amount IS NULL, '', concat(toString(t.amount), ' ', t.currency)),
            if(t.rating IS NULL, '', concat('rated ', toString(t.rating)))]), ' · ') AS about,
        '' AS stage, toInt8(0) AS position, e.remaining AS remaining
    FROM touchpoints AS t
    LEFT JOIN
    (
        SELECT event, toNullable(max(exp2(-dateDiff('microsecond', time, {{at:DateTime64(6, 'UTC')}}) / (half_life_s * 1000000)))) AS remaining
        FROM touch_evidence(model = {_IN_FORCE}) WHERE brand = {{brand:String}} AND handle IN {_THEIRS}
        GROUP BY event
    ) AS e ON e.event = t.event
    WHERE t.brand = {{brand:String}} AND t.handle IN {_THEIRS}
    UNION ALL
    SELECT 'stage' AS what, at, reason AS type, '' AS channel, concat('from ', toString(from_stage)) AS about,
        toString(to_stage) AS stage, toInt8(to_stage) AS position, NULL AS remaining
    FROM stage_history WHERE brand = {{brand:String}} AND customer IN {_ID}
    UNION ALL
    SELECT 'link' AS what, min(first_seen) AS at, 'identity' AS type, '' AS channel,
        concat(left_kind, ' #', lower(leftPad(hex(left_handle), 16, '0')), ' is ', right_kind, ' #',
            lower(leftPad(hex(right_handle), 16, '0')), ', says ', arrayStringConcat(arraySort(groupUniqArray(toString(source))), ', ')) AS about,
        '' AS stage, toInt8(0) AS position, NULL AS remaining
    FROM identity_links WHERE left_handle IN {_THEIRS} AND right_handle IN {_THEIRS}
        AND ({{all_brands:UInt8}} = 1 OR ({_here("left_handle")} AND {_here("right_handle")} AND toString(source) IN
            (SELECT DISTINCT toString(source) FROM interactions WHERE brand = {{brand:String}})))
    GROUP BY left_kind, left_handle, right_kind, right_handle
)
WHERE at <= {{at:DateTime64(6, 'UTC')}}
ORDER BY at DESC, what
"""
_WHY = contributions_sql(
    _IN_FORCE,
    _THEIRS,
    ", v.position AS position, v.half_life_s AS half_life_s, (SELECT thresholds FROM model_in_force)[v.position] AS threshold",
)
_AMONG = """
SELECT customer, stage, lapses_at, touches, revenue, first_seen, last_seen
FROM standings WHERE brand = {brand:String} AND customer IN {among:Array(UInt64)}
ORDER BY last_seen DESC, customer
"""
_BUSIEST = """
SELECT customer, stage, lapses_at, touches, revenue, first_seen, last_seen
FROM standings WHERE brand = {brand:String}
ORDER BY position DESC, touches DESC, customer LIMIT 50
"""


def _parameters(scope: Scope) -> dict[str, Any]:
    return {"customer": int(scope.own["customer"], 16), "at": scope.at}


def _period(first: datetime, scope: Scope) -> tuple[datetime, datetime]:
    """Return what is shown: the whole life, unless the URL says since when."""
    until = scope.at
    since = max(first, scope.since) if "since" in scope.given else first
    margin = max((until - since) / 80, timedelta(minutes=1))
    return scope.local(min(since, until) - margin), scope.local(until)


def _draw_line(rows: Sequence[Row], scope: Scope) -> Markup:
    touches = [row for row in rows if row["what"] == "touch"]
    links = [Link(row["at"], row["about"]) for row in rows if row["what"] == "link"]
    drawn = touches[-_DRAWN:]
    period = _period(drawn[0]["at"] if len(touches) > _DRAWN else rows[0]["at"], scope)
    spans = _spans(rows, period[1])
    now = spans[-1].name if spans else named(0)
    told = f"{len(touches):,} touches, {len(links):,} links between handles; now {now}"
    dots = [Touch(row["at"], row["channel"], row["remaining"], _touch(row)) for row in drawn]
    drawing = line(
        "Touches of this customer", told, dots, spans, links[-_DRAWN:], period, scope.marked, scope.zone
    )
    if len(touches) <= _DRAWN:
        return drawing
    return together([tag("p", f"Drawn are the latest {_DRAWN:,} of {told}.", class_="told"), drawing])


def _touch(row: Row) -> str:
    remaining = (
        "no evidence" if row["remaining"] is None else f"{row['remaining']:.0%} of its evidence is left"
    )
    about = f", {row['about']}" if row["about"] else ""
    return f"{for_people(row['at'])} {row['type']} ({row['channel']}){about}: {remaining}"


def _spans(rows: Sequence[Row], until: datetime) -> list[Span]:
    moves = [(row["at"], row["position"]) for row in rows if row["what"] == "stage"]
    pairs = pairwise([*moves, (until, 0)])
    return [Span(since, end, position, named(position)) for (since, position), (end, _) in pairs]


def _draw_why(rows: Sequence[Row], scope: Scope) -> Markup:
    scores = [
        _score(stage, [row for row in rows if row["position"] == stage], scope) for stage in reversed(STAGES)
    ]
    return fading(
        "Evidence for each stage", scores, _period(min(row["time"] for row in rows), scope), scope.zone
    )


def _score(stage: Stage, rows: Sequence[Row], scope: Scope) -> Score:
    name = named(stage)
    if not rows:
        return Score(int(stage), name, [], timedelta(days=1), 1, None, "nothing counted for it yet")
    now, threshold, half_life_s = (
        sum(row["counts"] for row in rows),
        rows[0]["threshold"],
        rows[0]["half_life_s"],
    )
    least = threshold * (1 - TOLERANCE)
    until = scope.local(lapse(scope.at, now, least, half_life_s)) if now >= least else None
    verdict = f"until {for_people(until)}" if until else "not reached"
    evidence = sorted((Evidence(row["time"], row["weight"]) for row in rows), key=lambda each: each.at)
    return Score(int(stage), name, evidence, timedelta(seconds=half_life_s), threshold, now, verdict)


def _panels(scope: Scope) -> Sequence[Panel]:
    if scope.own["customer"]:
        return WHO, LINE, WHY
    return (AMONG,) if scope.own["among"] else (BUSIEST,)


def _among(scope: Scope) -> dict[str, Any]:
    return {"among": [int(each, 16) for each in scope.own["among"].split(",")]}


LINE = Panel(
    name="line",
    title="All touches",
    counts="Touches of all handles that are known to be this customer by now, online and offline alike. A dot fades as "
    "its evidence does; a hollow one gave none. The band is the stage; rings are where handles were found to be one person.",
    sql=_LINE,
    parameters=_parameters,
    derive=lambda rows, _: list(reversed(rows)),  # of very many, the latest are asked for
    draw=_draw_line,
    columns=(
        Column("at", "At"),
        Column("what", "What"),
        Column("type", "Type"),
        Column("channel", "Channel"),
        Column("about", "About"),
        Column("stage", "Stage from then on"),
        Column("remaining", "Evidence left", "share"),
    ),
    empty="This brand has no touch of this customer.",
)
WHY = Panel(
    name="why",
    title="Why this stage",
    counts="Scores are sums of evidence, each interaction fading by half in the stage's half-life; the dashed line is the "
    "threshold that makes the stage, and the highest stage that is reached counts. As journey explain says it.",
    sql=_WHY,
    parameters=_parameters,
    draw=_draw_why,
    columns=(
        Column("time", "At"),
        Column("type", "Type"),
        Column("about", "About"),
        Column("stage", "For stage"),
        Column("weight", "Weight then", "score"),
        Column("counts", "Counts now", "score"),
    ),
    empty="Nothing that this customer did is evidence for a stage: no rule of the model in force knows these types.",
)
AMONG = Panel(
    name="among",
    title="Several customers have that",
    counts="The customers whom what was looked for may name, each by another kind of handle; those of this brand alone.",
    sql=_AMONG,
    parameters=_among,
    columns=CUSTOMERS,
    empty="None of them has a touch with this brand.",
)
BUSIEST = Panel(
    name="busiest",
    title="Choose a customer",
    counts="The fifty with the highest stage now and the most touches of all time. Everybody else is found by the field at the top.",
    sql=_BUSIEST,
    columns=CUSTOMERS,
    empty="This brand has no customers yet. journey load FILE.ndjson brings events.",
)

VIEW = View(
    name="journey",
    title="Journey",
    lead="One customer, from the first touch to now. The field at the top finds them by e-mail address, phone, card, account or "
    "hash; what is typed there is not kept.",
    fields=(
        Field(name="customer", label="Customer", kind="hidden", pattern=r"|[0-9a-f]{16}"),
        Field(name="among", label="Among", kind="hidden", pattern=r"|[0-9a-f]{16}(,[0-9a-f]{16}){1,19}"),
    ),
    panels=_panels,
)
