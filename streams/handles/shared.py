"""Keeps handles shared that an erased customer had in common with others, so that these are not merged into one.

A customer is all handles that are one person by now. The customer's own events are erased. Events of others that name
one of these handles stay, without it. A handle that others share with the customer (a kiosk, a family phone) is not
the customer's own and stays; so that it stays *shared*, and does not join those others into one customer, the erased
links by which it was shared are first replaced by links to random handles of nobody.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from hashlib import blake2b

from journey.identity.handle import KINDS
from journey.identity.policy import IdentityPolicy
from schemas.event import LINK
from streams.clock import from_us
from streams.edge.redact import PREFIX
from streams.engine.shell import Shell
from streams.store.clickhouse import ClickHouse

__all__ = ["keep_shared"]

_BRAND = "identity"
_TOPIC = "journey forget"


def keep_shared(shell: Shell, handles: Collection[int], receipt: str) -> None:
    """Replace the erased links that keep a handle of others shared, by links to random handles of nobody."""
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
