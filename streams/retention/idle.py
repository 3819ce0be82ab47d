"""Lets go of handles of customers whom no brand has met for long: their sums, links and announcements are deleted.

A handle is idle when no interaction that is there names any handle of its customer, and the last touch and the last link of
all of these were longer ago than the months that are set. What is deleted stays counted in `erasures`. Nobody may be
writing. The handles are in the table `erasing` while it goes on; killed anywhere, it is finished from there.
"""

import secrets
from collections.abc import Callable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from streams.erasure import statements
from streams.erasure.statements import ERASING, IDLE, Erased, Insert
from streams.store.clickhouse import ClickHouse
from streams.store.sql import EXPIRED, OF_EXPIRED

__all__ = ["finish", "idle", "is_pending", "let_go"]

_IDLE = """
    SELECT handle, customer FROM customers
    WHERE customer NOT IN (SELECT customer FROM customers WHERE handle IN (SELECT arrayJoin(handles) FROM interactions))
        AND customer IN
        (
            SELECT c.customer FROM customers AS c
            LEFT JOIN
            (
                SELECT handle, max(last) AS last FROM
                (
                    SELECT handle, max(last_seen) AS last FROM evidence GROUP BY handle
                    UNION ALL
                    SELECT arrayJoin([left_handle, right_handle]) AS handle, max(last_seen) AS last FROM identity_links GROUP BY handle
                )
                GROUP BY handle
            ) AS e ON e.handle = c.handle
            GROUP BY c.customer
            HAVING max(e.last) < {before:DateTime64(6, 'UTC')}
        )
    ORDER BY handle
"""
_LINKED = "SELECT DISTINCT left_handle, right_handle FROM identity_links"
_TABLES = (
    "evidence",
    *OF_EXPIRED,
    "readable_handles",
    "identity_map",
    "identity_links",
    "carried_links",
    "stage_changes",
    "audience_changes",
    "kept_paths",
)
_COUNTS = f"""
    SELECT
        (SELECT count() FROM expired_events WHERE {EXPIRED} AND handle IN ({ERASING})) AS events,
        (SELECT uniqExact(left_handle, right_handle) FROM identity_links
            WHERE left_handle IN ({ERASING}) OR right_handle IN ({ERASING})) AS links,
        (SELECT count() FROM stage_changes WHERE customer IN ({ERASING})) AS announcements
"""


def idle(store: ClickHouse, before: datetime) -> NDArray[np.uint64]:
    """Return the handles that nothing has been heard of since an instant, sorted.

    Handles that were ever said to be linked to one that stays are kept, whether the link holds or not: without it, a handle
    that many share would be one of few, and join those who are left.
    """
    found = store.arrow(_IDLE, {"before": before})
    handles, customers = (
        np.asarray(found.column(name).to_numpy(), np.uint64) for name in ("handle", "customer")
    )
    links = store.arrow(_LINKED)
    left, right = (
        np.asarray(links.column(name).to_numpy(), np.uint64) for name in ("left_handle", "right_handle")
    )
    while len(handles):
        goes, stays = np.isin(left, handles), np.isin(right, handles)
        held = np.concatenate([left[goes & ~stays], right[stays & ~goes]])
        if not len(held):
            break
        kept = ~np.isin(customers, customers[np.isin(handles, held)])
        handles, customers = handles[kept], customers[kept]
    return handles


def is_pending(store: ClickHouse) -> bool:
    """Return whether letting go of handles was begun and not finished."""
    return bool(statements.pending(store, idle=True))


def let_go(
    store: ClickHouse, insert: Insert, before: datetime, now_us: int, begun: Callable[[], None] = lambda: None
) -> int:
    """Let go of the handles that are idle; return how many. `begun` is called once they are written down.

    A state that was restored before has them still, and must be restored again.
    """
    handles = idle(store, before)
    if not len(handles):
        return 0
    receipt = secrets.token_hex(16)
    reason = f"{len(handles):,} handles of which nothing was heard since {before:%Y-%m-%d}"
    statements.begin(insert, receipt, handles.tolist(), reason, now_us, consent=IDLE)
    finish(store, insert, now_us, begun)
    return len(handles)


def finish(store: ClickHouse, insert: Insert, now_us: int, begun: Callable[[], None] = lambda: None) -> bool:
    """Finish what was begun; return whether there was anything."""
    receipts = statements.pending(store, idle=True)
    if receipts:
        begun()
    for receipt in receipts:
        _keep_receipt(store, insert, receipt, now_us)
        statements.delete(store, receipt, *_TABLES)
        statements.clear(store, receipt)
    return bool(receipts)


def _keep_receipt(store: ClickHouse, insert: Insert, receipt: str, now_us: int) -> None:
    if statements.receipt_of(store, receipt) is not None:
        return
    (counts,) = store.rows(_COUNTS, {"receipt": receipt})
    found = Erased(
        handles=0, mentions=0, dead_letters=0, **{name: int(value) for name, value in counts.items()}
    )
    statements.enter(store, insert, receipt, found, now_us)
