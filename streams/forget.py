"""Forgetting a customer: every handle of hers, in every table, log and state; a receipt stays that names nobody.

A customer is all handles that are one person by now. Events of hers go. Events of others that name a handle of hers
stay, without it. A handle that others share with her (a kiosk, a family phone) is not hers and stays; so that it stays
*shared*, and does not join those others into one customer, links of hers that it was shared by are first made up for by
links to handles of nobody.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator
from hashlib import blake2b

from journey.handle import KINDS
from journey.model import IdentityPolicy
from streams import erasure
from streams.clock import from_us
from streams.edge.redact import PREFIX
from streams.embedded import Embedded
from streams.erasure import Erased
from streams.links import customer_of
from streams.processors.identity import LINK
from streams.server import Shell
from streams.store import ClickHouse

__all__ = ["Forgotten", "forget", "handles_of", "keep_shared"]

_BRAND = "identity"
_TOPIC = "journey forget"

Forgotten = tuple[str, Erased]  # the receipt ("" where nothing is known of the handle), and what it took


def handles_of(store: ClickHouse, handle: int) -> list[int]:
    """Return the handles that are one person with this one, itself included."""
    found = customer_of(store, handle)
    return sorted({handle} | {row["handle"] for row in found[1]} if found else {handle})


def forget(embedded: Embedded, handle: int, reason: str = "", consent: str = "") -> Forgotten:
    """Erase the customer of a handle from a data directory; killed anywhere, it is finished at the next opening.

    `consent` "denied" takes nothing of her from then on, known or not; "granted" takes this handle's events again.
    """
    embedded.drain()
    handles = handles_of(embedded.store, handle)
    found = erasure.count(embedded.store, handles)
    if found.nothing and not consent:
        return "", found
    receipt = secrets.token_hex(16)
    keep_shared(embedded, handles, receipt)
    erasure.begin(embedded.store.insert, receipt, handles, reason, embedded.clock(), consent=consent)
    embedded.finish_erasures()
    return receipt, found


def keep_shared(shell: Shell, handles: Collection[int], receipt: str) -> None:
    """Make up for links that keep a handle of others shared, with handles that are random and nobody's."""
    lines = list(_substitutes(shell.store, shell.model.identity, handles, receipt, shell.clock()))
    if lines:
        shell.load([shell.edge(trusted=True).pack(lines, topic=_TOPIC, now_us=shell.clock())])


def _substitutes(
    store: ClickHouse, policy: IdentityPolicy, handles: Collection[int], receipt: str, now_us: int
) -> Iterator[bytes]:
    """Yield an event for each link that is missing once these handles are gone."""
    number = 0
    for row in store.rows(_SHARERS, {"handles": sorted(handles)}):
        cap = policy.caps[KINDS.index(row["kind"])]
        missing = cap + 1 - (row["links"] - row["erased"]) if row["links"] > cap else 0
        for _ in range(missing):
            nobody = blake2b(f"{receipt}/{number}".encode(), digest_size=8).hexdigest()
            named: dict[str, list[str]] = defaultdict(list)
            named[row["one_kind"]].append(f"{PREFIX}{row['one']:016x}")
            named[row["kind"]].append(PREFIX + nobody)
            yield json.dumps(
                {
                    "id": f"{receipt}/{number}",
                    "source": _TOPIC,
                    "type": LINK,
                    "time": from_us(now_us).isoformat(),
                    "data": {"brand": _BRAND, "handles": named},
                }
            ).encode()
            number += 1


# Of each handle of others that has a live link to one of these: how many such links it has to each kind, to anybody.
_SHARERS = """
    WITH
        live AS
        (
            SELECT left_handle, right_handle, any(left_kind) AS left_is, any(right_kind) AS right_is
            FROM identity_links
            GROUP BY left_handle, right_handle
            HAVING sum(said) > 0 AND (max(withdrawn_at) IS NULL OR max(restored_at) > max(withdrawn_at))
        ),
        half AS
        (
            SELECT left_handle AS one, left_is AS one_kind, right_handle AS other, right_is AS kind FROM live
            UNION ALL
            SELECT right_handle AS one, right_is AS one_kind, left_handle AS other, left_is AS kind FROM live
        )
    SELECT one, one_kind, kind, count() AS links, countIf(other IN {handles:Array(UInt64)}) AS erased
    FROM half
    WHERE one NOT IN {handles:Array(UInt64)}
        AND one IN (SELECT one FROM half WHERE other IN {handles:Array(UInt64)})
    GROUP BY one, one_kind, kind HAVING erased > 0
    ORDER BY one, kind
"""
