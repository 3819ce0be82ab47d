"""Shows the forms that set and end targets, with how many customers are at each stage or above it, and does both."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa

from journey.channel import CHANNELS
from journey.stage import STAGE_NAMES
from streams.analysis.brands import brands
from streams.clock import from_us
from streams.http.viewer import Viewer
from streams.page.form import labelled, of_scope
from streams.page.markup import Markup, tag
from streams.page.scope import Scope
from streams.page.view import Column, Panel, Row
from streams.store.clickhouse import ClickHouse

__all__ = ["END", "NEW", "TargetError", "end_target", "set_target"]

_LONGEST_NOTE = 200
_MOST = 10**12
_AHEAD = timedelta(days=90)  # of a target that nobody has chosen a day for
_LATEST = date(2149, 6, 6)  # that ClickHouse's Date holds


class TargetError(ValueError):
    """An error of a target that cannot be set, or ended; the message says what can."""


def set_target(store: ClickHouse, form: Mapping[str, str], _: Viewer, now_us: int) -> str:
    """Set a target, or change the one of the same brand, stage, channel and day."""
    brand, stage, channel = form.get("brand", ""), form.get("stage", ""), form.get("channel", "")
    if brand not in {one.name for one in brands(store)}:
        raise TargetError("brand: unknown")
    if stage not in STAGE_NAMES:
        raise TargetError(f"stage: must be one of {', '.join(STAGE_NAMES)}")
    if channel not in {"", *CHANNELS}:
        raise TargetError(f"channel: must be one of {', '.join(CHANNELS)}, or any")
    due, customers = _day(form.get("due", ""), from_us(now_us).date()), _customers(form.get("customers", ""))
    note = form.get("note", "").strip()
    if len(note) > _LONGEST_NOTE:
        raise TargetError(f"why: at most {_LONGEST_NOTE} characters")
    _insert(store, (brand, stage, channel, due), customers, note, now_us)
    return f"Set: {customers:,} customers at {_words(stage, channel, due)}."


def end_target(store: ClickHouse, form: Mapping[str, str], _: Viewer, now_us: int) -> str:
    """End a target: a row of 0 customers, which says when; what was aimed at stays in the rows before."""
    brand, said = form.get("brand", ""), form.get("target", "")
    there = store.query(
        "SELECT stage, channel, due, target, note FROM target_progress WHERE brand = {brand:String}",
        {"brand": brand},
    )
    found = next((row for row in there if _name(*row[:3]) == said), None)
    if found is None:
        raise TargetError("target: there is no such target; perhaps it has ended already")
    stage, channel, due, customers, note = found
    _insert(store, (brand, str(stage), str(channel), due), 0, str(note), now_us)
    return f"Ended: {customers:,} customers at {_words(stage, channel, due)}."


def _name(stage: object, channel: object, due: object) -> str:
    """Return what names a target of a brand in a form."""
    return f"{stage}/{channel}/{due}"


def _words(stage: object, channel: object, due: object) -> str:
    return f"{stage} or above{f' met on {channel}' if channel else ''} by {due}"


def _insert(
    store: ClickHouse, key: tuple[str, str, str, date], customers: int, note: str, now_us: int
) -> None:
    brand, stage, channel, due = key
    row = {
        "brand": brand, "stage": stage, "channel": channel, "due": due, "customers": customers, "note": note,
        "set_at": from_us(now_us),
    }  # fmt: skip
    store.insert("targets", pa.Table.from_pylist([row], _SCHEMA))


_SCHEMA = pa.schema([
    ("brand", pa.string()), ("stage", pa.string()), ("channel", pa.string()), ("due", pa.date32()),
    ("customers", pa.uint64()), ("note", pa.string()), ("set_at", pa.timestamp("us", "UTC")),
])  # fmt: skip


def _day(text: str, today: date) -> date:
    try:
        due = date.fromisoformat(text)
    except ValueError as error:
        raise TargetError("by: must be a day, such as 2026-12-31") from error
    if not today < due <= _LATEST:
        raise TargetError(f"by: must be a day from tomorrow to {_LATEST}")
    return due


def _customers(text: str) -> int:
    number = text.strip().replace(",", "").replace("\u202f", "").replace(" ", "")
    if not (
        number.isascii()
        and number.isdigit()
        and 0 < len(number) <= len(str(_MOST))
        and 0 < int(number) <= _MOST
    ):
        raise TargetError(f"customers: must be a whole number from 1 to {_MOST:,}")
    return int(number)


def _form(rows: Sequence[Row], scope: Scope) -> Markup:
    stages = [
        tag("option", f"{row['stage'].capitalize()} ({row['held']:,} now)", value=row["stage"])
        for row in rows
    ]
    channels = [
        tag("option", "any channel", value=""),
        *(tag("option", name, value=name) for name in CHANNELS),
    ]
    due = f"{scope.local(scope.now + _AHEAD):%Y-%m-%d}"
    return tag(
        "form",
        labelled("target-stage", "Stage or above", tag("select", stages, name="stage", id="target-stage")),
        labelled("target-channel", "Met on", tag("select", channels, name="channel", id="target-channel")),
        labelled(
            "target-customers",
            "Customers",
            _input("customers", type="number", min=1, max=_MOST, required=True),
        ),
        labelled("target-due", "By", _input("due", type="date", value=due, required=True)),
        labelled("target-note", "Why", _input("note", type="text", maxlength=_LONGEST_NOTE)),
        *of_scope(scope),
        tag("button", "Set target"),
        method="post",
        action="/view/targets/set",
        class_="target",
        aria_label="A target",
    )


def _input(name: str, **attributes: str | int | bool) -> Markup:
    return tag("input", name=name, id=f"target-{name}", **attributes)


NEW = Panel(
    name="new",
    title="Set a target",
    counts="A target with the stage, channel and day of one that is there changes it.",
    sql="""
SELECT stage, held FROM
(
    SELECT stage, position, sum(customers) OVER (ORDER BY position DESC) AS held
    FROM stage_population WHERE brand = {brand:String} AND position > 0
)
ORDER BY position
""",
    columns=(Column("stage", "Stage or above"), Column("held", "Customers now", "number")),
    draw=_form,
    picture=False,
    reads=(),
    wide=False,
    empty="A brand without customers has no target yet.",
)


def _end_form(rows: Sequence[Row], scope: Scope) -> Markup:
    targets = [
        tag(
            "option",
            f"{row['target']:,} at {_words(row['stage'], row['channel'], row['due'])}",
            value=_name(row["stage"], row["channel"], row["due"]),
        )
        for row in rows
    ]
    return tag(
        "form",
        labelled("target-ended", "Target", tag("select", targets, name="target", id="target-ended")),
        *of_scope(scope),
        tag("button", "End target"),
        method="post",
        action="/view/targets/end",
        class_="target",
        aria_label="A target to end",
    )


END = Panel(
    name="end",
    title="End a target",
    counts="A target that has ended is no longer shown; the table targets keeps what it was, and when it ended.",
    sql="""
SELECT stage, channel, due, target
FROM target_progress
WHERE brand = {brand:String}
ORDER BY due, stage, channel
""",
    columns=(
        Column("stage", "Stage"),
        Column("channel", "Channel"),
        Column("due", "Due"),
        Column("target", "Target", "number"),
    ),
    draw=_end_form,
    picture=False,
    reads=(),
    wide=False,
    empty="No target is set yet.",
)
