"""Dead letters: list them by reason, show them, and send them through the edge again once the cause is mended."""

import secrets
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from schemas.topics import INTERACTIONS
from streams import drops
from streams.clock import from_us
from streams.drops import OF_LETTER
from streams.engine import Outcome
from streams.erasure import Insert, receipt_of
from streams.faults import boundary
from streams.foreign import UNKNOWN_KEY, readdressed
from streams.frames import LETTERS, MAX_FRAME_EVENTS
from streams.server import Server, Shell
from streams.store import ClickHouse
from streams.workers.poison import BETWEEN
from streams.workers.turn import ERASING, Turn, in_turn

__all__ = ["Replay", "drop", "faults_of", "listed", "replay"]

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
    """What became of dead letters: those that passed the edge now, and those it still refuses."""

    tried: int
    refused: int
    outcome: Outcome


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
    total, tried = Outcome(), len(letters)
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


def _ours(row: dict[str, Any], key: bytes) -> dict[str, Any] | None:
    """Return a letter with its handles under the key in force; None where nobody here knows the one they are under."""
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
    with boundary("insert.dead_letter_replays"):
        shell.store.client.insert("dead_letter_replays", rows, column_names=names)


def drop(shell: Shell, reason: str) -> int:
    """Delete the open dead letters of a reason; return how many. Killed anywhere, the next call finishes it.

    On a server, those whose frames workers have not acknowledged yet stay: they might be read again.
    """
    receipt = secrets.token_hex(16)
    if not isinstance(shell, Server):
        return _drop(shell, shell.store.insert, receipt, reason, "1")

    def work(turn: Turn) -> int:
        known = " OR ".join(
            f"(d._partition = {partition:d} AND d._offset <= {offset:d})"
            for partition, offset in _acknowledged(shell).items()
        )
        return _drop(shell, turn.insert, receipt, reason, known)

    return in_turn(shell.store, ERASING, work)


def _drop(shell: Shell, insert: Insert, receipt: str, reason: str, which: str) -> int:
    """Finish what was begun, by whomever; then, unless that was this drop, list its letters and finish it."""
    store = shell.store
    drops.finish(store, insert, shell.clock())
    if (done := receipt_of(store, receipt)) is not None:
        return done.dead_letters
    letters = store.arrow(
        f"SELECT {{receipt:String}} AS receipt, {OF_LETTER} {_OPEN} AND d.reason = {{reason:String}} AND ({which})",
        {"receipt": receipt, "reason": reason},
    )
    if letters.num_rows:
        with boundary("letters.drop"):
            insert("dead_letter_drops", letters)
        drops.finish(store, insert, shell.clock())
    return int(letters.num_rows)


def _acknowledged(server: Server) -> dict[int, int]:
    """Return, per partition, the offset (from 1) up to which workers have acknowledged frames."""
    from streams.kafka.topics import log_ends, partition_count  # noqa: PLC0415 - needs Kafka's client

    kafka = server.settings.kafka
    spans = log_ends(kafka, INTERACTIONS, range(partition_count(kafka)))
    return {partition: span.acknowledged for partition, span in spans.items()} | {BETWEEN: 2**63}
