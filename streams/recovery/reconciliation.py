"""Reconciles the counts after a loss: adds rows of deliveries for lost frames, and a receipt for lost events.

What was received says the table `deliveries`, and no other: of a frame whose row is lost, the interactions and dead
letters show how many events were stored and refused, and nothing shows how many were repeats.
"""

import secrets

import pyarrow as pa

from streams.clock import from_us
from streams.erasure.statements import WHOLLY
from streams.faults import kill_point
from streams.recovery.damaged_parts import drop_broken
from streams.recovery.losses import Losses
from streams.recovery.rebuild import Rebuilt
from streams.store.clickhouse import ClickHouse
from streams.store.sql import EXPIRED

__all__ = ["MADE_ANEW", "enter", "write_off"]

MADE_ANEW = "made anew"  # the topic of such rows
_FRAMES = f"""
    SELECT '{MADE_ANEW}' AS topic, toUInt32(sum(events) + sum(letters)) AS received, toUInt32(sum(events)) AS stored,
        toUInt32(sum(letters)) AS dead_letters, {{now:DateTime64(6, 'UTC')}} AS received_at, _partition, _offset
    FROM
    (
        SELECT _partition, _offset, count() AS events, 0 AS letters FROM interactions_kept GROUP BY _partition, _offset
        UNION ALL
        SELECT _partition, _offset, count() AS events, 0 AS letters FROM expired_events WHERE {EXPIRED} GROUP BY _partition, _offset
        UNION ALL
        SELECT _partition, _offset, 0 AS events, count() AS letters FROM dead_letters GROUP BY _partition, _offset
    )
    WHERE _offset <= {{committed:UInt64}} AND (_partition, _offset) NOT IN (SELECT _partition, _offset FROM deliveries)
    GROUP BY _partition, _offset
"""
_COLUMNS = "topic, received, stored, dead_letters, received_at, _partition, _offset"
# Of frames whose events were erased since, only the receipts tell.
_ERASED = f"""
    SELECT toInt64((SELECT count() FROM interactions_kept WHERE _offset <= {{committed:UInt64}})
        + (SELECT count() FROM expired_events WHERE {EXPIRED}) + (SELECT sum(events) FROM erasures)
        - (SELECT sum(stored) FROM deliveries)) AS events,
        (SELECT sum(events) FROM erasures) AS erased
"""


def enter(store: ClickHouse, committed: int, now_us: int) -> Rebuilt:
    """Enter frames up to an offset that deliveries lacks; return its rows before and after. Again adds nothing."""
    place = {"now": from_us(now_us), "committed": committed}
    before = _rows(store)
    with kill_point("rebuild.books"):
        store.client.command(f"INSERT INTO deliveries ({_COLUMNS}) {_FRAMES}", parameters=place)
    some = store.rows(f"SELECT 1 FROM deliveries WHERE topic = '{MADE_ANEW}' LIMIT 1")
    (row,) = store.rows(_ERASED, place)
    rest = int(row["events"])
    if rest > 0 and (some or rest <= int(row["erased"])):
        lacking = [MADE_ANEW, rest, rest, 0, from_us(now_us), 0, committed]
        with kill_point("rebuild.books"):
            store.client.insert("deliveries", [lacking], column_names=_COLUMNS.split(", "))
    return Rebuilt("deliveries", before, _rows(store))


def _rows(store: ClickHouse) -> int:
    return int(store.rows("SELECT count() AS n FROM deliveries")[0]["n"])


def write_off(store: ClickHouse, found: Losses, now_us: int) -> tuple[int, int]:
    """Enter what is lost for good among the erasures, and delete parts that were set aside as broken.

    Returns the events and dead letters that are written off.
    """
    events, letters = found.lost("interactions"), found.lost("dead_letters")
    handles = found.lost("erased_handles")
    if events or letters or handles:
        columns = {
            "receipt": [secrets.token_hex(16)],
            "at": pa.array([now_us], pa.timestamp("us", "UTC")),
            "what": ["lost"],
            "reason": ["lost with files of the data directory"],
            "handles": pa.array([handles], pa.uint64()),
            "events": pa.array([events], pa.uint64()),
            "dead_letters": pa.array([letters], pa.uint64()),
        }
        with kill_point("rebuild.books"):
            store.insert("erasures", pa.table(columns))
    drop_broken(store)
    if events:  # what is sent again may say something else than what is lost
        with kill_point("rebuild.books"):
            store.client.command(
                f"ALTER TABLE {store.parts_of('conflicts')} DELETE WHERE event NOT IN (SELECT event FROM interactions)",
                settings=WHOLLY,
            )
    _uncount_conflicts(store)
    return events, letters


def _uncount_conflicts(store: ClickHouse) -> None:
    """Have deliveries count no conflicts of frames of which none is listed any more."""
    lost = "conflicts > 0 AND (_partition, _offset) NOT IN (SELECT _partition, _offset FROM conflicts)"
    if store.rows(f"SELECT 1 FROM deliveries WHERE {lost} LIMIT 1"):
        with kill_point("rebuild.books"):
            store.client.command(
                f"ALTER TABLE {store.parts_of('deliveries')} UPDATE conflicts = 0 WHERE {lost}",
                settings=WHOLLY,
            )
