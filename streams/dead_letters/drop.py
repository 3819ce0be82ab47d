"""Deletes dead letters for good, and counts them in `erasures`, so that the reconciliation holds."""

import pyarrow as pa

from streams.erasure.statements import WHOLLY, Insert
from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse

__all__ = ["OF_LETTER", "finish"]

_PLACE = "letter_partition, letter_offset, letter_index, letter_topic"
OF_LETTER = "d._partition AS letter_partition, d._offset AS letter_offset, d._index AS letter_index, d.topic AS letter_topic"
"""Columns of the list, from dead letters `d`."""


def finish(store: ClickHouse, insert: Insert, now_us: int) -> None:
    """Delete what is on the list. Only one may do so at a time."""
    for row in store.rows("SELECT receipt, count() AS letters FROM dead_letter_drops GROUP BY receipt"):
        if not store.rows(
            "SELECT 1 FROM erasures WHERE receipt = {receipt:String}", {"receipt": row["receipt"]}
        ):
            kept = {
                "receipt": [row["receipt"]],
                "at": pa.array([now_us], pa.timestamp("us", "UTC")),
                "what": ["dead letters"],
                "dead_letters": pa.array([row["letters"]], pa.uint64()),
            }
            with kill_point("letters.receipt"):
                insert("erasures", pa.table(kept))
        with kill_point("letters.delete"):
            store.client.command(
                f"ALTER TABLE {store.parts_of('dead_letters')} DELETE WHERE (_partition, _offset, _index, topic) IN"
                f" (SELECT {_PLACE} FROM dead_letter_drops)",
                settings=WHOLLY,
            )
        with kill_point("letters.clear"):
            store.client.command(
                f"ALTER TABLE {store.parts_of('dead_letter_drops')} DELETE WHERE receipt = {{receipt:String}}",
                parameters={"receipt": row["receipt"]},
                settings=WHOLLY,
            )
