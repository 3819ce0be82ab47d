"""Health: what came in, what became of it, and what was refused for which reason."""

from collections.abc import Sequence

from streams.page.drawing.bars import bars
from streams.page.markup import Markup
from streams.page.scope import Scope
from streams.page.view import Column, Panel, Row, View

__all__ = ["VIEW"]

_TAKEN = """
SELECT topic, sum(received) AS received, sum(stored) AS stored, sum(duplicates) AS duplicates,
    sum(dead_letters) AS refused, max(received_at) AS last_at, dateDiff('second', last_at, {now:DateTime64(6, 'UTC')}) AS quiet_s
FROM deliveries WHERE received_at >= {since:DateTime64(6, 'UTC')}
GROUP BY topic ORDER BY received DESC, topic
"""
_REFUSED = """
SELECT reason, count() AS letters, uniqExact(topic) AS sources, min(received) AS first_at, max(received) AS last_at
FROM dead_letters
GROUP BY reason ORDER BY letters DESC, reason
"""


def _refused(rows: Sequence[Row], _: Scope) -> Markup:
    return bars(
        "refused", "Events refused, by reason", rows, label="reason", value="letters", unit="refused",
        class_=lambda _: "bad",
    )  # fmt: skip


TAKEN = Panel(
    name="taken",
    title="What came in, by file or topic",
    counts="Events of every brand, as they were delivered: received = stored + duplicates + refused, always.",
    sql=_TAKEN,
    columns=(
        Column("topic", "File or topic"),
        Column("received", "Received", "number"),
        Column("stored", "Stored", "number"),
        Column("duplicates", "Duplicates", "number"),
        Column("refused", "Refused", "number"),
        Column("last_at", "Last at (UTC)"),
        Column("quiet_s", "Quiet for", "duration"),
    ),
    empty="Nothing has come in since this day. journey load FILE.ndjson, or an event to /v1/events, changes that.",
)
REFUSED = Panel(
    name="refused",
    title="Refused, by reason",
    counts="Dead letters of every brand and all time, one a delivery, replayed ones included.",
    sql=_REFUSED,
    columns=(
        Column("reason", "Reason"),
        Column("letters", "Refused", "number"),
        Column("sources", "Files or topics", "number"),
        Column("first_at", "First at (UTC)"),
        Column("last_at", "Last at (UTC)"),
    ),
    draw=_refused,
    empty="Nothing was refused: every event that came in is in the tables.",
)

VIEW = View(
    name="health",
    title="Health",
    lead="Whether events arrive, and what was refused. journey dead-letters list shows the letters themselves.",
    panels=lambda _: (TAKEN, REFUSED),
)
