"""Shows targets: how many customers are to be at a stage by a day, and how many are."""

from collections.abc import Sequence

from journey.channel import CHANNELS
from journey.stage import STAGE_NAMES
from streams.page.charts.parts import Part, parts
from streams.page.markup import Markup
from streams.page.scope import Field, Scope
from streams.page.values import for_people
from streams.page.view import MOST_ROWS, Column, Panel, Row, View
from streams.page.views.forecast import FORECAST, course, earlier, span_days
from streams.page.views.new_target import END, NEW, end_target, set_target

__all__ = ["VIEW"]


def _panels(scope: Scope) -> Sequence[Panel]:
    forms = (_progress(), NEW, END)
    return (*forms, _standing(scope)) if scope.own["stage"] else forms


def _address(row: Row, scope: Scope) -> str:
    return scope.address("targets", stage=row["stage"], channel=row["channel"])


def _draw(rows: Sequence[Row], scope: Scope) -> Markup:
    lines = []
    for row in rows[:MOST_ROWS]:
        share = for_people(row["progress"], "share")
        left = f"reached, {_left(row)}" if row["progress"] >= 1 else _left(row)
        said = f"{row['actual']:,} of {row['target']:,} · {left}"
        note = course(row, span_days(scope))
        says = f"{_named(row)} by {row['due']}: {row['actual']:,} of {row['target']:,} customers, {share}, {left}"
        stage = f"stage-{STAGE_NAMES.index(row['stage']) + 1}"
        part = Part(
            _named(row), row["target"], row["actual"], said, f"{says}. {note}".rstrip(". "), _address(row, scope), stage, note=note
        )  # fmt: skip
        lines.append(part)
    return parts("progress", "Progress against targets", lines, goals=True)


def _left(row: Row) -> str:
    days = row["days_left"]
    return (
        f"{days:,} days left"
        if days > 1
        else "due tomorrow"
        if days == 1
        else "over"
        if days
        else "due today"
    )


def _named(row: Row) -> str:
    stage = str(row["stage"]).capitalize()
    return f"{stage}, {row['channel']}" if row["channel"] else stage


def _progress() -> Panel:
    return Panel(
        name="progress",
        title="Progress",
        counts="Counts customers who are at the stage or a higher one now, whatever the period, with at least one touch on"
        " the target's channel, if it has one. The line is the target, and each bar has its own scale. The course goes on as the"
        " count changed in the last 28 days, or since the brand's first day: it is no forecast for a brand of less than a week.",
        sql=FORECAST,
        parameters=earlier,
        columns=(
            Column("stage", "Stage"),
            Column("channel", "Channel"),
            Column("due", "Due"),
            Column("target", "Target", "number"),
            Column("actual", "Now", "number"),
            Column("progress", "Progress", "share"),
            Column("before", "Before", "number"),
            Column("forecast", "On this course", "number"),
            Column("days_left", "Days left", "number"),
            Column("note", "Why"),
            Column("set_at", "Set", "time"),
        ),
        draw=_draw,
        wide=False,
        reads=(),
        empty="No target is set yet.",
        link=_address,
    )


def _standing(scope: Scope) -> Panel:
    stage, channel = scope.own["stage"], scope.own["channel"]
    return Panel(
        name="standing",
        title=f"Customers at {stage} or above{f', met on {channel}' if channel else ''}",
        counts="Counts customers who are there now: those of the target that was chosen.",
        sql="""
SELECT customer, stage AS stands_at, lapses_at, touches, revenue, last_seen
FROM standings
WHERE brand = {brand:String} AND position >= {least:UInt8} AND ({channel:String} = ''
    OR [touches_social, touches_web, touches_store, touches_support, touches_direct, touches_other][
        indexOf(['social', 'web', 'store', 'support', 'direct', 'other'], {channel:String})] > 0)
ORDER BY position DESC, lapses_at, customer
""",
        columns=(
            Column("customer", "Customer", "customer"),
            Column("stands_at", "Stage"),
            Column("lapses_at", "Lapses", "time"),
            Column("touches", "Touches", "number"),
            Column("revenue", "Revenue", "money"),
            Column("last_seen", "Last touch", "time"),
        ),
        wide=False,
        parameters=lambda _: {"least": STAGE_NAMES.index(stage) + 1},
        empty="Nobody is there now.",
    )


VIEW = View(
    name="targets",
    title="Targets",
    lead="What the brand wants to reach, and how far it is.",
    panels=_panels,
    actions={"set": set_target, "end": end_target},
    fields=(
        Field(name="stage", label="Stage", kind="hidden", pattern="|".join(("", *STAGE_NAMES))),
        Field(name="channel", label="Channel", kind="hidden", pattern="|".join(("", *CHANNELS))),
    ),
)
