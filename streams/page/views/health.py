"""Shows the health of the intake: how many events came in, what became of them, and the reasons of refusals."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from streams.page.charts.bars import bars
from streams.page.charts.columns import Part, columns
from streams.page.markup import Markup
from streams.page.scope import Scope
from streams.page.values import for_people
from streams.page.view import Column, Panel, Row, View
from streams.page.views.lag import Ask, lag, lag_of_log

__all__ = ["VIEW", "over_directory", "over_server"]

_PARTS = tuple(timedelta(minutes=n) for n in (1, 5, 15, 30, 60, 180, 360, 720, 1_440, 10_080, 43_200))

_TAKEN = """
SELECT topic, sum(received) AS received, sum(stored) AS stored, sum(duplicates) AS duplicates,
    sum(dead_letters) AS refused, max(received_at) AS last_at, dateDiff('second', last_at, {now:DateTime64(6, 'UTC')}) AS quiet_s
FROM deliveries WHERE received_at >= {since:DateTime64(6, 'UTC')}
GROUP BY topic ORDER BY received DESC, topic
"""
_ARRIVED = """
SELECT toStartOfInterval(received_at, toIntervalSecond({part_s:UInt32}), 'UTC') AS since, sum(received) AS received,
    sum(stored) AS stored, sum(duplicates) AS duplicates, sum(dead_letters) AS refused
FROM deliveries WHERE received_at >= {from_day:DateTime64(6, 'UTC')}
GROUP BY since ORDER BY since
"""
_REFUSED = """
SELECT reason, count() AS letters, uniqExact(topic) AS sources, min(received) AS first_at, max(received) AS last_at
FROM dead_letters
GROUP BY reason ORDER BY letters DESC, reason
"""


def _part(scope: Scope) -> timedelta:
    """Return how long a part is: at most about a hundred of them, of a minute at least."""
    least = (scope.now - _from_day(scope)) / 100
    return next((part for part in _PARTS if part >= least), timedelta(days=least.days + 1))


def _from_day(scope: Scope) -> datetime:
    """Return from when on: the last day, unless the URL says since when."""
    return scope.since if "since" in scope.given else scope.now - timedelta(days=1)


def _arrived(rows: Sequence[Row], scope: Scope) -> Markup:
    parts = [
        Part(
            row["since"], row["since"] + _part(scope), row["stored"] + row["duplicates"], row["refused"],
            f"{for_people(row['since'])}: {row['received']:,} received, {row['refused']:,} refused",
        )
        for row in rows
    ]  # fmt: skip
    told = f"{sum(row['received'] for row in rows):,} events received, {sum(row['refused'] for row in rows):,} of them refused"
    period = min(_from_day(scope), rows[0]["since"]), max(scope.now, parts[-1].until)
    return columns("arrived", "Events received over time", told, parts, period, scope.marked, scope.zone)


def _refused(rows: Sequence[Row], _: Scope) -> Markup:
    return bars(
        "refused", "Events refused, by reason", rows, label="reason", value="letters", unit="refused",
        class_=lambda _: "bad",
    )  # fmt: skip


_BOOKS = (
    Column("received", "Received", "number"),
    Column("stored", "Stored", "number"),
    Column("duplicates", "Duplicates", "number"),
    Column("refused", "Refused", "number"),
)
_SEND = "journey load FILE.ndjson, or an event to /v1/events, changes that."

ARRIVED = Panel(
    name="arrived",
    title="Events as they come in",
    counts="Events of every brand by when they were received, not by when they happened; refused ones stand on top. The last "
    "day, unless the address says since when.",
    sql=_ARRIVED,
    parameters=lambda scope: {"part_s": int(_part(scope).total_seconds()), "from_day": _from_day(scope)},
    draw=_arrived,
    columns=(
        Column("since", "From"),
        *_BOOKS,
    ),
    empty=f"Nothing has come in during the last day. {_SEND}",
)
TAKEN = Panel(
    name="taken",
    title="What came in, by file or topic",
    counts="Events of every brand, as they were delivered: received = stored + duplicates + refused, always.",
    sql=_TAKEN,
    columns=(
        Column("topic", "File or topic"),
        *_BOOKS,
        Column("last_at", "Last at"),
        Column("quiet_s", "Quiet for", "duration"),
    ),
    empty=f"Nothing has come in since this day. {_SEND}",
)
REFUSED = Panel(
    name="refused",
    title="Refused, by reason",
    counts="Refused events of every brand and all time, one a delivery, those sent again included. journey dead-letters list shows them.",
    sql=_REFUSED,
    columns=(
        Column("reason", "Reason"),
        Column("letters", "Refused", "number"),
        Column("sources", "Files or topics", "number"),
        Column("first_at", "First at"),
        Column("last_at", "Last at"),
    ),
    draw=_refused,
    empty="Nothing was refused: every event that came in is in the tables.",
)

VIEW = View(
    name="health",
    title="Health",
    lead="Whether events arrive, and what was refused, and why.",
    of_all_brands=True,
    panels=lambda _: (ARRIVED, TAKEN, REFUSED),
)


def over_server(ask: Ask | None) -> View:
    """Return the view where workers write: it shows their lag, by `ask` if Kafka can be asked."""
    return _led_by(lag(ask))


def over_directory(ask: Ask) -> View:
    """Return the view where the engine is in this process: it shows the lag of the log, by `ask`."""
    return _led_by(lag_of_log(ask))


def _led_by(first: Panel) -> View:
    return replace(VIEW, panels=lambda _: (first, ARRIVED, TAKEN, REFUSED))
