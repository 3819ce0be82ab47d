"""What an erasure does to the tables: what it would take, the receipt, the statements; each is harmless when repeated.

The handles stand in the table `erasing` while it goes on, and statements read them there: ClickHouse keeps the text of
mutations, and of queries where it is told to, and so none of them names anybody. A statement is about one erasure, by its
receipt: one that comes late, when that is finished, finds no handles and does nothing.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa

from streams.checks import MINUTE
from streams.erased import tombstone
from streams.faults import boundary
from streams.store import ClickHouse

__all__ = [
    "WHOLLY",
    "Erased",
    "Insert",
    "begin",
    "clear",
    "count",
    "delete",
    "denied",
    "is_denied",
    "keep_receipt",
    "pending",
    "receipt_of",
    "recount_minutes",
    "scrub",
    "tombstones",
]

Insert = Callable[[str, pa.Table], None]
"""Adds rows to a table as one atomic block, or raises StoreError."""

_WHEN = pa.timestamp("us", "UTC")
_EVER = "toDateTime64('2299-01-01 00:00:00', 6, 'UTC')"  # before which nothing is taken of whom it is denied
_NOBODY = 0  # beside the handles of a receipt: stays until their files are gone too
_ERASING = f"SELECT handle FROM erasing WHERE receipt = {{receipt:String}} AND handle != {_NOBODY}"
_AMONG = f"SELECT groupArray(handle) FROM ({_ERASING})"
_GIVEN = "SELECT {handles:Array(UInt64)}"
_KEYS = (
    f"SELECT brand, {MINUTE}, type"
    f" FROM interactions WHERE NOT startsWith(type, 'identity.') AND handle IN ({_ERASING})"
)
_KEY = "(brand, minute, type)"

# An alert whose message has a touch of hers for an example: by brand and time, as messages name nobody.
_HERS = f"FROM interactions WHERE handle IN ({_ERASING})"
_EXAMPLE_TIMES = "arrayMap(e -> parseDateTime64BestEffortOrZero(JSONExtractString(e, 'at'), 6, 'UTC'), JSONExtractArrayRaw(reason, 'examples'))"


def _names_one(handles: str) -> str:
    """Return the condition under which a dead letter names one of the handles in an array that a query gives."""
    return f"arrayExists(h -> position(bytes, concat('#', leftPad(lower(hex(h)), 16, '0'))) > 0, ({handles}))"


# Table to what ALTER does to it. Links go first: what is restored from the tables then knows the handles alone. Alerts are looked up by
# interactions, and so go before them.
_ALTERED: dict[str, str] = {
    "identity_links": f"DELETE WHERE left_handle IN ({_ERASING}) OR right_handle IN ({_ERASING})",
    "evidence": f"DELETE WHERE handle IN ({_ERASING})",
    "alerts": (
        """UPDATE reason = replaceRegexpOne(reason, '"examples":\\[.*?\\],"cascade"', '"examples":[],"cascade"')"""
        f" WHERE brand IN (SELECT brand {_HERS}) AND hasAny({_EXAMPLE_TIMES}, (SELECT groupArray(time) {_HERS}))"
    ),
    "interactions": (
        f"DELETE WHERE handle IN ({_ERASING}), UPDATE"
        f" kinds = arrayFilter((kind, handle) -> handle NOT IN ({_ERASING}), kinds, handles),"
        f" handles = arrayFilter(handle -> handle NOT IN ({_ERASING}), handles) WHERE hasAny(handles, ({_AMONG}))"
    ),
    "dead_letters": f"DELETE WHERE {_names_one(_AMONG)}",
    "identity_map": (
        f"DELETE WHERE handle IN ({_ERASING}), UPDATE"
        f" customer = if(customer IN ({_ERASING}), handle, customer),"
        f" previous = if(previous IN ({_ERASING}), handle, previous)"
        f" WHERE customer IN ({_ERASING}) OR previous IN ({_ERASING})"
    ),
    "stage_changes": f"DELETE WHERE customer IN ({_ERASING})",
}
# ALTER has answered when all parts are rewritten. A lightweight DELETE would leave the rows where they are.
WHOLLY = {"mutations_sync": 2, "allow_nondeterministic_mutations": 1}
_TOUCHED = (*_ALTERED, "minute_counts")


@dataclass(frozen=True, slots=True)
class Erased:
    """How much an erasure takes: see the comments of the table `erasures`."""

    handles: int
    events: int
    links: int
    announcements: int
    mentions: int
    dead_letters: int

    @property
    def nothing(self) -> bool:
        """Whether nothing is known of anybody."""
        return not any(getattr(self, field.name) for field in fields(self))


def count(store: ClickHouse, handles: Collection[int]) -> Erased:
    """Count what is known of these handles."""
    return _counted(store, _GIVEN, {"handles": sorted(handles)})


def _counted(store: ClickHouse, among: str, parameters: Mapping[str, Any]) -> Erased:
    """Count what is known of handles; `among` is a query that gives them as an array."""
    some = f"SELECT arrayJoin(({among}))"
    (row,) = store.rows(
        f"""
        SELECT
            (SELECT uniqExact(handle) FROM identity_map WHERE handle IN ({some})) AS handles,
            (SELECT count() FROM interactions WHERE handle IN ({some})) AS events,
            (SELECT uniqExact(left_handle, right_handle) FROM identity_links
                WHERE left_handle IN ({some}) OR right_handle IN ({some})) AS links,
            (SELECT count() FROM stage_changes WHERE customer IN ({some})) AS announcements,
            (SELECT count() FROM interactions WHERE hasAny(handles, ({among})) AND handle NOT IN ({some})) AS mentions,
            (SELECT count() FROM dead_letters WHERE {_names_one(among)}) AS dead_letters
        """,
        parameters,
    )
    return Erased(**{name: int(value) for name, value in row.items()})


def pending(store: ClickHouse) -> list[str]:
    """Return the receipts of erasures that were begun and not finished."""
    return [row["receipt"] for row in store.rows("SELECT DISTINCT receipt FROM erasing ORDER BY receipt")]


def begin(  # noqa: PLR0913 - of one row
    insert: Insert,
    receipt: str,
    handles: Collection[int],
    reason: str,
    now_us: int,
    *,
    consent: str = "",
) -> None:
    """Say what is to be erased, in one insert: from now on it will be, whoever is killed.

    `consent` is "denied" where nothing of the handles is to be taken from then on, "granted" where it is again.
    """
    everybody = sorted({_NOBODY, *handles})
    rows = {
        "receipt": [receipt] * len(everybody),
        "handle": pa.array(everybody, pa.uint64()),
        "reason": [reason] * len(everybody),
        "asked_at": pa.array([now_us] * len(everybody), _WHEN),
        "consent": [consent] * len(everybody),
    }
    with boundary("erasure.begin"):
        insert("erasing", pa.table(rows))


def keep_receipt(store: ClickHouse, insert: Insert, receipt: str, now_us: int) -> None:
    """Count what is going to be deleted, and keep that; once."""
    if receipt_of(store, receipt) is not None:
        return
    found = _counted(store, _AMONG, {"receipt": receipt})
    _bury(store, receipt)
    (asked,) = store.rows(
        "SELECT any(reason) AS reason, any(consent) AS consent FROM erasing WHERE receipt = {receipt:String}",
        {"receipt": receipt},
    )
    row: dict[str, Any] = {
        "receipt": [receipt],
        "at": pa.array([now_us], _WHEN),
        "what": [f"consent {asked['consent']}" if asked["consent"] else "customer"],
        "reason": [asked["reason"]],
    }
    counts = {field.name: pa.array([getattr(found, field.name)], pa.uint64()) for field in fields(found)}
    with boundary("erasure.receipt"):
        insert("erasures", pa.table(row | counts))


def _bury(store: ClickHouse, receipt: str) -> None:
    """Keep a hash of each handle, so that what it did until now is not taken again, or nothing at all any more."""
    rows = store.rows(
        f"SELECT handle, if(consent = 'denied', {_EVER}, asked_at) AS before, consent FROM erasing WHERE receipt = {{receipt:String}} AND handle != {_NOBODY}",
        {"receipt": receipt},
    )
    stones = sorted(
        (tombstone(row["handle"]), row["before"]) for row in rows
    )  # in an order that tells nothing
    with boundary("erasure.bury"):
        store.client.insert("erased_handles", stones, column_names=["tombstone", "before"])
        if any(row["consent"] == "granted" for row in rows):
            store.client.command(
                f"ALTER TABLE {store.parts_of('erased_handles')} DELETE"
                f" WHERE tombstone IN {{stones:Array(UInt64)}} AND before = {_EVER}",
                parameters={"stones": [stone for stone, _ in stones]},
                settings=WHOLLY,
            )


def is_denied(store: ClickHouse, handle: int) -> bool:
    """Return whether nothing of a handle is taken."""
    sql = f"SELECT 1 FROM erased_handles WHERE tombstone = {{stone:UInt64}} AND before = {_EVER} LIMIT 1"
    return bool(store.rows(sql, {"stone": tombstone(handle)}))


def denied(store: ClickHouse) -> int:
    """Return of how many handles nothing is taken."""
    (row,) = store.rows(f"SELECT uniqExact(tombstone) AS n FROM erased_handles WHERE before = {_EVER}")
    return int(row["n"])


def tombstones(store: ClickHouse) -> dict[int, int]:
    """Return erased handles, hashed, and the instant (us) before which nothing of each is taken."""
    rows = store.rows(
        "SELECT tombstone, toUnixTimestamp64Micro(max(before)) AS us FROM erased_handles GROUP BY tombstone"
    )
    return {int(row["tombstone"]): int(row["us"]) for row in rows}


def receipt_of(store: ClickHouse, receipt: str) -> Erased | None:
    """Return what an erasure took, as its receipt says; None while there is none."""
    names = ", ".join(field.name for field in fields(Erased))
    rows = store.rows(
        f"SELECT {names} FROM erasures WHERE receipt = {{receipt:String}}", {"receipt": receipt}
    )
    return Erased(**{name: int(value) for name, value in rows[0].items()}) if rows else None


def recount_minutes(store: ClickHouse, receipt: str) -> None:
    """Count the minutes of erased interactions anew, without them, while those are there; nobody else may write."""
    with boundary("erasure.minutes"):
        store.client.command(
            f"ALTER TABLE {store.parts_of('minute_counts')} DELETE WHERE {_KEY} IN ({_KEYS})",
            parameters={"receipt": receipt},
            settings=WHOLLY,
        )
        store.client.command(
            "INSERT INTO minute_counts (brand, minute, type, touches, _partition, _offset)"
            f" SELECT brand, {MINUTE}"
            " AS minute, type, count(), _partition, max(_offset) FROM interactions"
            f" WHERE handle NOT IN ({_ERASING}) AND {_KEY} IN ({_KEYS}) GROUP BY brand, minute, type, _partition",
            parameters={"receipt": receipt},
            settings=store.insert_settings,
        )


def delete(store: ClickHouse, receipt: str, *tables: str) -> None:
    """Take the handles out of these tables, or of all; what others said that named one is kept without it."""
    for table in tables or _ALTERED:
        with boundary("erasure.delete"):
            store.client.command(
                f"ALTER TABLE {store.parts_of(table)} {_ALTERED[table]}",
                parameters={"receipt": receipt},
                settings=WHOLLY,
            )


def clear(store: ClickHouse, receipt: str) -> None:
    """Forget whom it was about, and then that it was under way."""
    for who in (f"handle != {_NOBODY}", "1"):
        with boundary("erasure.clear"):
            store.client.command(
                f"ALTER TABLE {store.parts_of('erasing')} DELETE WHERE receipt = {{receipt:String}} AND {who}",
                parameters={"receipt": receipt},
                settings=WHOLLY,
            )
        scrub(store, "erasing")


def scrub(store: ClickHouse, *tables: str) -> None:
    """Take the files of what was deleted off the disk at once, rather than after some minutes.

    On a cluster each server does that by itself, within ten minutes.
    """
    if store.cluster:
        return
    for table in tables or _TOUCHED:
        with boundary("erasure.scrub"):
            store.client.command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")
            store.client.command(f"ALTER TABLE {table} DROP PARTITION ID 'none'")  # looks for such files
            store.client.command(f"ALTER TABLE {table} RESET SETTING old_parts_lifetime")
