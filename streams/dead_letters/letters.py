"""Lists dead letters by reason, shows them, and replays them through the edge once the cause is fixed."""

import secrets
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from journey.identity.handle_key import HandleKey
from streams.clock import from_us
from streams.dead_letters import drop as drops
from streams.dead_letters.drop import OF_LETTER
from streams.engine.outcome import BatchOutcome
from streams.engine.shell import Shell
from streams.erasure.statements import Insert, receipt_of
from streams.faults import kill_point
from streams.handles.unknown_key import UNKNOWN_KEY, readdressed
from streams.log.frame import LETTERS, MAX_FRAME_EVENTS
from streams.store.clickhouse import ClickHouse

__all__ = ["Replay", "drop", "drop_those", "faults_of", "listed", "replay"]

_OPEN = """
    FROM dead_letters AS d
    LEFT ANTI JOIN dead_letter_replays AS r
        ON r.letter_partition = d._partition AND r.letter_offset = d._offset AND r.letter_index = d._index
    WHERE {reason:String} IN ('', d.reason)
"""
# What somebody had no right to say is sent again only by who asks for just that.
_GRANTED = " AND ({reason:String} != '' OR d.reason != 'not_granted')"
_KEPT = " AND d.reason NOT IN ('consent_denied', 'erased')"


@dataclass(frozen=True, slots=True)
class Replay:
    """The outcome of a replay: the dead letters that passed the edge now, and those that it still refuses."""

    tried: int
    refused: int
    outcome: BatchOutcome


def faults_of(store: ClickHouse, reason: str = "", limit: int = 20) -> list[dict[str, Any]]:
    """Return dead letters that were not replayed as faults: those alike of one source are one, the most frequent first.

    Alike is: the same reason, and the same place in the event; `source` is the producer that the event names.
    """
    return store.rows(
        "SELECT reason, detail, topic, JSONExtractString(toString(bytes), 'source') AS source, count() AS letters,"
        f" min(received) AS first, max(received) AS last {_OPEN} GROUP BY reason, detail, topic, source"
        " ORDER BY letters DESC, reason, detail, topic, source LIMIT {limit:UInt32}",
        {"reason": reason, "limit": limit},
    )


def listed(
    store: ClickHouse, reason: str = "", limit: int = 20
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (counts by reason, the latest letters) of dead letters that were not replayed."""
    scope = {"reason": reason, "limit": limit}
    counts = store.rows(
        f"SELECT reason, count() AS letters, min(received) AS first, max(received) AS last {_OPEN}"
        " GROUP BY reason ORDER BY letters DESC, reason",
        scope,
    )
    latest = store.rows(
        f"SELECT reason, detail, topic, topic_offset, received, bytes {_OPEN}"
        " ORDER BY _partition DESC, _offset DESC, _index DESC LIMIT {limit:UInt32}",
        scope,
    )
    return counts, latest


def replay(shell: Shell, reason: str = "") -> Replay:
    """Send open dead letters through the edge again.

    What passes is stored (or found to be a duplicate: identity is kept) and no longer listed; what is refused
    again stays, and so does that of which nothing was kept. Interrupted, it can be run again.
    """
    letters = shell.store.rows(
        f"SELECT _partition, _offset, _index, reason, detail, bytes {_OPEN} {_GRANTED} {_KEPT} ORDER BY _partition, _offset, _index",
        {"reason": reason},
    )
    total, tried = BatchOutcome(), len(letters)
    letters = [ours for row in letters if (ours := _ours(row, shell.key)) is not None]
    refused = tried - len(letters)
    edge = shell.edge(trusted=True)
    for start in range(0, len(letters), MAX_FRAME_EVENTS):
        part = letters[start : start + MAX_FRAME_EVENTS]
        frame = edge.pack([_bytes(row["bytes"]) for row in part], topic="dead letters", now_us=shell.clock())
        again = {offset - 1 for offset in frame.letters.column("topic_offset").to_pylist()}
        refused += len(again)
        passed = [row for place, row in enumerate(part) if place not in again]
        if passed:
            nothing = pa.RecordBatch.from_pylist([], LETTERS)
            total.add(shell.load([replace(frame, letters=nothing)]))
            _mark(shell, passed)
    return Replay(tried, refused, total)


def _ours(row: dict[str, Any], key: HandleKey) -> dict[str, Any] | None:
    """Return a letter with its handles under the active key; None where nobody here knows the key that they are under."""
    if row["reason"] != UNKNOWN_KEY:
        return row
    line = readdressed(_bytes(row["bytes"]), row["detail"], key)
    return None if line is None else row | {"bytes": line}


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _mark(shell: Shell, letters: list[dict[str, Any]]) -> None:
    at = from_us(shell.clock())
    rows = [[row["_partition"], row["_offset"], row["_index"], at] for row in letters]
    names = ["letter_partition", "letter_offset", "letter_index", "replayed_at"]
    with kill_point("insert.dead_letter_replays"):
        shell.store.client.insert("dead_letter_replays", rows, column_names=names)


def drop(shell: Shell, reason: str) -> int:
    """Delete the open dead letters of a reason from a data directory; return how many. Killed, the next call finishes it."""
    return drop_those(shell, shell.store.insert, secrets.token_hex(16), reason, "1")


def drop_those(shell: Shell, insert: Insert, receipt: str, reason: str, which: str) -> int:
    """Delete the open dead letters of a reason for which a condition holds; return how many.

    Drops that were begun, by any process, are finished first; if one of them has this receipt, it was this drop.

    Parameters
    ----------
    receipt
        Names this drop, so that it is done once.
    which
        A condition of SQL on a letter `d`.
    """
    store = shell.store
    drops.finish(store, insert, shell.clock())
    if (done := receipt_of(store, receipt)) is not None:
        return done.dead_letters
    letters = store.arrow(
        f"SELECT {{receipt:String}} AS receipt, {OF_LETTER} {_OPEN} AND d.reason = {{reason:String}} AND ({which})",
        {"receipt": receipt, "reason": reason},
    )
    if letters.num_rows:
        with kill_point("letters.drop"):
            insert("dead_letter_drops", letters)
        drops.finish(store, insert, shell.clock())
    return int(letters.num_rows)
