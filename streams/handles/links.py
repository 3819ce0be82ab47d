"""Queries the handles and links of a customer, and withdraws or restores a link."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from schemas.event import LINK, UNLINK
from streams.clock import from_us
from streams.edge.redact import PREFIX
from streams.engine.outcome import BatchOutcome
from streams.engine.shell import Shell
from streams.handles.named_handles import Named, known_ids
from streams.store.clickhouse import ClickHouse

__all__ = ["THEIRS", "CustomerLinks", "customer_of", "decide", "handles_of", "links_of"]

# The handles of each of these customers. A customer is named by a handle, and may be part of another by now. Of the map of
# handles one column is read; what is found there is grouped.
THEIRS = """
WITH
    owners AS (SELECT handle AS named, customer FROM customers WHERE handle IN {customers:Array(UInt64)}),
    theirs AS
    (
        SELECT customer, groupArray(handle) AS handles FROM customers
        WHERE handle IN (SELECT handle FROM identity_map WHERE customer IN (SELECT customer FROM owners))
        GROUP BY customer
    )
SELECT o.named AS named, t.handles AS handles FROM owners AS o INNER JOIN theirs AS t ON t.customer = o.customer
"""
_BRAND = "identity"  # the contract asks for a brand; a decision on identity holds for all


@dataclass(frozen=True, slots=True)
class CustomerLinks:
    """A customer: its handles, and every link that touches one of them, by source."""

    customer: int
    handles: list[dict[str, Any]]
    links: list[dict[str, Any]]


def customer_of(store: ClickHouse, handle: int) -> tuple[int, list[dict[str, Any]]] | None:
    """Return the customer of a handle and all its handles (id and kind), or None when it is unknown."""
    found = store.rows("SELECT customer FROM customers WHERE handle = {handle:UInt64}", {"handle": handle})
    if not found:
        return None
    customer = found[0]["customer"]
    handles = store.rows(
        "SELECT handle, kind FROM customers WHERE customer = {customer:UInt64} ORDER BY kind, handle",
        {"customer": customer},
    )
    return customer, handles


def links_of(store: ClickHouse, handle: int) -> CustomerLinks | None:
    """Return the customer of a handle with its links and the evidence for each, or None when it is unknown."""
    found = customer_of(store, handle)
    if found is None:
        return None
    customer, handles = found
    links = store.rows(
        """
        SELECT *, max(withdrawn) OVER pair AS withdrawn_at, max(restored) OVER pair AS restored_at,
            withdrawn_at IS NOT NULL AND (restored_at IS NULL OR withdrawn_at >= restored_at) AS is_withdrawn
        FROM
        (
            SELECT left_kind, left_handle, right_kind, right_handle, source, sum(said) AS said,
                min(first_seen) AS first_seen, max(last_seen) AS last_seen,
                max(withdrawn_at) AS withdrawn, max(restored_at) AS restored
            FROM identity_links
            WHERE left_handle IN {handles:Array(UInt64)} OR right_handle IN {handles:Array(UInt64)}
            GROUP BY left_kind, left_handle, right_kind, right_handle, source
        )
        WINDOW pair AS (PARTITION BY left_handle, right_handle)
        ORDER BY left_kind, left_handle, right_kind, right_handle, source
        """,
        {"handles": [row["handle"] for row in handles]},
    )
    return CustomerLinks(customer, handles, links)


def decide(shell: Shell, one: Named, other: Named, *, link: bool) -> BatchOutcome:
    """Withdraw the link between two handles, or restore it: an event like any other, so replays are harmless."""
    handles: dict[str, list[str]] = {}
    for each in (one, other):
        handles.setdefault(each.kind, []).append(f"{PREFIX}{each.id:016x}")
    now_us = shell.clock()
    event = {
        "id": secrets.token_hex(16),
        "source": "journey identity",
        "type": LINK if link else UNLINK,
        "time": from_us(now_us).isoformat(),
        "data": {"brand": _BRAND, "handles": handles},
    }
    line = json.dumps(event).encode()
    frame = shell.edge(trusted=True).pack([line], topic="journey identity", now_us=now_us)
    return shell.load([frame])


def handles_of(store: ClickHouse, *handles: int) -> list[int]:
    """Return the handles that are one person with one of these, themselves included."""
    found = set(handles)
    for handle in known_ids(store, handles):
        if customer := customer_of(store, handle):
            found |= {row["handle"] for row in customer[1]}
    return sorted(found)
