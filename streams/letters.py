"""Dead letters: list them by reason, and send them through the edge again once the cause is mended."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from streams.clock import from_us
from streams.engine import Outcome
from streams.faults import boundary
from streams.frames import LETTERS, MAX_FRAME_EVENTS, Frame
from streams.server import Shell
from streams.store import ClickHouse

__all__ = ["Replay", "listed", "replay"]

_OPEN = """
    FROM dead_letters AS d
    LEFT ANTI JOIN dead_letter_replays AS r
        ON r.letter_partition = d._partition AND r.letter_offset = d._offset AND r.letter_index = d._index
    WHERE {reason:String} IN ('', d.reason)
"""
# What somebody had no right to say is sent again only by who asks for just that.
_GRANTED = " AND ({reason:String} != '' OR d.reason != 'not_granted')"


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of dead letters: those that passed the edge now, and those it still refuses."""

    tried: int
    refused: int
    outcome: Outcome


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
    again stays. Interrupted, it can be run again.
    """
    letters = shell.store.rows(
        f"SELECT _partition, _offset, _index, bytes {_OPEN} {_GRANTED} ORDER BY _partition, _offset, _index",
        {"reason": reason},
    )
    total, refused = Outcome(), 0
    edge = shell.edge(trusted=True)
    for start in range(0, len(letters), MAX_FRAME_EVENTS):
        part = letters[start : start + MAX_FRAME_EVENTS]
        frame = edge.pack([_bytes(row["bytes"]) for row in part], topic="dead letters", now_us=shell.clock())
        again = {offset - 1 for offset in frame.letters.column("topic_offset").to_pylist()}
        refused += len(again)
        passed = [row for place, row in enumerate(part) if place not in again]
        if passed:
            nothing = pa.RecordBatch.from_pylist([], LETTERS)
            total.add(shell.load([Frame(frame.events, nothing, frame.topic, frame.packed_us)]))
            _mark(shell, passed)
    return Replay(len(letters), refused, total)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _mark(shell: Shell, letters: list[dict[str, Any]]) -> None:
    at = from_us(shell.clock())
    rows = [[row["_partition"], row["_offset"], row["_index"], at] for row in letters]
    names = ["letter_partition", "letter_offset", "letter_index", "replayed_at"]
    with boundary("insert.dead_letter_replays"):
        shell.store.client.insert("dead_letter_replays", rows, column_names=names)
