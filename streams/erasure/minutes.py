"""Recounts the minutes of erased interactions without them, while those are there; again is harmless.

Where batches are written meanwhile, the order to drop the counts is given between two of them: it is about the rows until then,
and so is the recount.
"""

import time
from typing import Any

from streams.erasure.statements import ERASING, WHOLLY
from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse
from streams.store.port import StoreError
from streams.store.sql import CARRIED, MINUTE

__all__ = ["add", "drop", "recount", "wait"]

_EVERY = 2**64 - 1  # offset
_AT_ONCE: dict[str, Any] = WHOLLY | {"mutations_sync": 0}
_LOOK_S, _PATIENCE_S = 0.05, 20.0
_KEYS = (
    f"SELECT brand, {MINUTE}, type"
    f" FROM interactions WHERE NOT startsWith(type, 'identity.') AND handle IN ({ERASING})"
)
_KEY = "(brand, minute, type)"
_UNDER_WAY = """
    SELECT count() AS n, anyIf(latest_fail_reason, latest_fail_reason != '') AS why FROM system.mutations
    WHERE database = currentDatabase() AND table = 'minute_counts' AND NOT is_done
"""


def recount(store: ClickHouse, receipt: str) -> None:
    """Recount the minutes; nobody else may write."""
    drop(store, receipt)
    add(store, receipt)


def drop(store: ClickHouse, receipt: str, *, whole: bool = True) -> None:
    """Drop the counts; where not `whole`, only begin with it: `wait` waits for it."""
    with kill_point("erasure.minutes"):
        store.client.command(
            f"ALTER TABLE {store.parts_of('minute_counts')} DELETE WHERE {_KEY} IN ({_KEYS})",
            parameters={"receipt": receipt},
            settings=WHOLLY if whole else _AT_ONCE,
        )


def wait(store: ClickHouse) -> None:
    """Wait until counts that are to be dropped are.

    Raises
    ------
    StoreError
        They cannot be: the engine has failed, and tried again for some time.
    """
    failed_s = 0.0
    while (row := store.rows(_UNDER_WAY)[0])["n"]:
        if row["why"] and (failed_s := failed_s + _LOOK_S) > _PATIENCE_S:
            raise StoreError(f"counts of minutes cannot be rewritten: {row['why']}")
        time.sleep(_LOOK_S)


def add(store: ClickHouse, receipt: str, upto: int = _EVERY) -> None:
    """Add the counts of what is not erased, as far as it came in frames up to an offset."""
    with kill_point("erasure.minutes"):
        store.client.command(
            "INSERT INTO minute_counts (brand, minute, type, touches, _partition, _offset)"
            f" SELECT brand, {MINUTE}"
            " AS minute, type, count(), _partition, max(_offset) FROM interactions_kept"
            f" WHERE handle NOT IN ({ERASING}) AND {_KEY} IN ({_KEYS}) AND _offset <= {{upto:UInt64}}"
            " GROUP BY brand, minute, type, _partition"
            " UNION ALL SELECT brand, minute, type, touches, _partition, _offset FROM carried_minutes"
            f" WHERE {CARRIED} AND {_KEY} IN ({_KEYS})",
            parameters={"receipt": receipt, "upto": upto},
            settings=store.insert_settings,
        )
