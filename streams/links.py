"""Identity as people see it: the handles and links of a customer, and withdrawing or restoring a link."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from journey.handle import KINDS
from streams.clock import from_us
from streams.edge.naming import Naming
from streams.edge.redact import PREFIX
from streams.engine import Outcome
from streams.processors.identity import LINK, UNLINK
from streams.server import Shell
from streams.store import ClickHouse

__all__ = ["HandleError", "Links", "customer_of", "decide", "links_of", "parse_handle"]

_BRAND = "identity"  # the contract asks for a brand; a decision on identity holds for all


class HandleError(ValueError):
    """A handle that cannot be read, or that nothing is known of."""


@dataclass(frozen=True, slots=True)
class Links:
    """A customer: its handles, and every link that touches one of them, by source."""

    customer: int
    handles: list[dict[str, Any]]
    links: list[dict[str, Any]]


def parse_handle(text: str, naming: Naming) -> tuple[str, int]:
    """Return (kind, id) of ``KIND:VALUE``; the value may be ``#`` and the 16 hex digits that tables show.

    Raises
    ------
    HandleError
        No kind, an unknown one, or a value that names nobody.
    """
    kind, colon, value = text.partition(":")
    if not colon or kind not in KINDS:
        raise HandleError(f"{text!r} is not KIND:VALUE with a kind out of {', '.join(KINDS)}")
    identifier = naming.id(kind, value)
    if not identifier:
        raise HandleError(f"{kind}:{value} names nobody")
    return kind, identifier


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


def links_of(store: ClickHouse, handle: int) -> Links | None:
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
    return Links(customer, handles, links)


def decide(shell: Shell, one: tuple[str, int], other: tuple[str, int], *, link: bool) -> Outcome:
    """Withdraw the link between two handles, or restore it: an event like any other, so replays are harmless."""
    handles: dict[str, list[str]] = {}
    for kind, identifier in (one, other):
        handles.setdefault(kind, []).append(f"{PREFIX}{identifier:016x}")
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
