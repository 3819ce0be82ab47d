"""Shows the lag of a log's readers: workers and gateways by partition, or the engine in its own log.

The log, of Kafka or of a directory, gives what was not read; beside it is what the tables know.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from schemas.topics import EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.log.lag import LOG, PartitionLag, Place
from streams.page.scope import Scope
from streams.page.view import Column, Panel, Row

__all__ = ["Ask", "lag", "lag_of_log"]

Ask = Callable[[], Mapping[Place, PartitionLag] | None]
"""Returns how partitions stand, None where that is not known now."""

_FRESH_S = 4.0
_UNKNOWN: Row = dict.fromkeys(("unread", "oldest_at", "behind_s"))

# Only the table deliveries has a row for every record of its topic; of the others the tables do not tell how far they are.
_OWNED = f"""
SELECT f.topic AS topic, f.partition AS partition, f.worker AS worker, f.taken_at AS taken_at, d.stored AS stored, d.received_at AS received_at
FROM
(
    SELECT toString(topic) AS topic, partition, argMax(worker, (generation, token)) AS worker, argMax(taken_at, (generation, token)) AS taken_at
    FROM fences WHERE topic IN ('{INTERACTIONS}', '{LINKS}', '{EVIDENCE}') GROUP BY topic, partition
) AS f
LEFT JOIN
(
    SELECT '{INTERACTIONS}' AS topic, _partition AS partition, toNullable(max(_offset)) AS stored, toNullable(argMax(received_at, _offset)) AS received_at
    FROM deliveries GROUP BY _partition
) AS d ON d.topic = f.topic AND d.partition = f.partition
ORDER BY topic, partition
"""
_OF_LOG = f"""
SELECT '{LOG}' AS topic, 0 AS partition, max(_offset) AS stored, argMax(received_at, _offset) AS received_at
FROM deliveries HAVING count() > 0
"""
_ASKED = (
    "Records in Kafka that workers and gateways have not read and acknowledged, by partition, those that wait for longest first; "
    "behind for: since the first of these was sent. "
)
_KNOWN = (
    "Taken by: the worker that may write for the partition, host and process. Stored up to: the record, counted from 1, "
    "up to which the tables have everything, and when that was received."
)


_STATE = (
    Column("place", "Partition"),
    Column("state", "State"),
    Column("unread", "Not read", "number"),
    Column("oldest_at", "The first of these sent"),
    Column("behind_s", "Behind for", "duration"),
)
_OWNER = (Column("worker", "Taken by"), Column("taken_at", "Taken at"))
_STORED = (Column("stored", "Stored up to", "number"), Column("received_at", "Received at"))


def lag(ask: Ask | None) -> Panel:
    """Return the panel of workers; without `ask`, where no Kafka is known, it has what the tables know."""
    told = _ASKED if ask else "How far Kafka's topics reach is not known here: set JOURNEY_KAFKA. "
    return Panel(
        name="lag",
        title="Behind, by partition",
        counts=told + _KNOWN,
        sql=_OWNED,
        columns=(*_STATE, *_OWNER, *_STORED),
        derive=partial(_standing, ask, "Kafka is not reached"),
        empty="No worker has taken a partition yet, and Kafka tells of none: journey worker starts one.",
        reads=(),
        fresh_s=_FRESH_S,
    )


def lag_of_log(ask: Ask) -> Panel:
    """Return the panel of the engine in this process."""
    return Panel(
        name="lag",
        title="Accepted and not processed yet",
        counts="Frames of events of every brand that wait in the log, and for how long the first of them has; up to which frame, "
        "counted from 1, the tables have everything, and when that was received.",
        sql=_OF_LOG,
        columns=(*_STATE, *_STORED),
        derive=partial(_standing, ask, "the log cannot be read"),
        empty="Nothing was accepted yet. journey load FILE.ndjson, or an event to /v1/events, changes that.",
        reads=(),
        fresh_s=_FRESH_S,
    )


def _standing(ask: Ask | None, silent: str, rows: Sequence[Row], scope: Scope) -> list[Row]:
    owned = {(str(row["topic"]), int(row["partition"])): row for row in rows}
    if ask is None:
        return [_row(place, owned, "not known") for place in owned]
    if (found := ask()) is None:
        return [_row(place, owned, silent) for place in owned]
    made = [_row(place, owned, _state(one)) | _behind(one, scope) for place, one in found.items()]
    gone = [_row(place, owned, "no such partition in Kafka") for place in owned if place not in found]
    return sorted(made, key=lambda row: (-(row["behind_s"] or 0), -row["unread"])) + gone


def _row(place: Place, owned: Mapping[Place, Row], state: str) -> Row:
    topic, partition = place
    known = owned.get(place, {})
    # Who works on a partition of interactions reads that of the map too.
    taken = owned.get((INTERACTIONS, partition), {}) if topic == IDENTITY_MAP else known
    return {
        "place": f"{topic}[{partition}]",
        "state": state,
        **_UNKNOWN,
        **{name: taken.get(name) for name in ("worker", "taken_at")},
        **{name: known.get(name) for name in ("stored", "received_at")},
    }


def _state(one: PartitionLag) -> str:
    if not one.is_read:
        return "nobody reads it"
    return "behind" if one.unread else "up to date"


def _behind(one: PartitionLag, scope: Scope) -> Row:
    since_s = None if one.oldest is None else max(0.0, (scope.now - one.oldest).total_seconds())
    return {"unread": one.unread, "oldest_at": one.oldest, "behind_s": since_s}
