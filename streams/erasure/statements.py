"""Runs the statements of an erasure on the tables: preview, receipt, deletion; each is idempotent.

The handles are in the table `erasing` while it goes on, and statements read them there: ClickHouse keeps the text of
mutations, and of queries where it is configured to, and so none of them names anybody. A statement is about one
erasure, by its receipt: one that comes late, when that is finished, finds no handles and does nothing.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa

from streams.clock import system_clock
from streams.erasure.suppressed_handles import tombstone
from streams.faults import kill_point
from streams.store import announced_numbers
from streams.store.clickhouse import ClickHouse
from streams.store.kept import begin_epoch
from streams.store.sql import EXPIRED, OF_EXPIRED

__all__ = [
    "ERASING",
    "IDLE",
    "WHOLLY",
    "Erased",
    "Forgotten",
    "Insert",
    "begin",
    "clear",
    "count",
    "delete",
    "denied",
    "enter",
    "is_denied",
    "keep_receipt",
    "pending",
    "receipt_of",
    "scrub",
    "tombstones",
]

Insert = Callable[[str, pa.Table], None]
"""Adds rows to a table as one atomic block, or raises StoreError."""

_WHEN = pa.timestamp("us", "UTC")
_EVER = "toDateTime64('2299-01-01 00:00:00', 6, 'UTC')"  # before which nothing is taken of whom it is denied
IDLE = "idle"  # the consent of handles that are let go of, not of people who are forgotten
_NOBODY = 0  # beside the handles of a receipt: stays until their files are gone too
ERASING = f"SELECT handle FROM erasing WHERE receipt = {{receipt:String}} AND handle != {_NOBODY}"
_AMONG = f"SELECT groupArray(handle) FROM ({ERASING})"
_GIVEN = "SELECT {handles:Array(UInt64)}"

# An alert whose message has a touch of theirs for an example: by brand and time, as messages name nobody.
_THEIRS = f"FROM interactions WHERE handle IN ({ERASING})"
_EXAMPLE_TIMES = "arrayMap(e -> parseDateTime64BestEffortOrZero(JSONExtractString(e, 'at'), 6, 'UTC'), JSONExtractArrayRaw(reason, 'examples'))"


def _names_one(handles: str) -> str:
    """Return the condition under which a dead letter names one of the handles in an array that a query gives."""
    return f"arrayExists(h -> position(bytes, concat('#', leftPad(lower(hex(h)), 16, '0'))) > 0, ({handles}))"


# Table to what ALTER does to it. Links go first: what is restored from the tables then knows the handles alone. Alerts are looked up by
# interactions, and so go before them.
_ALTERED: dict[str, str] = {
    "identity_links": f"DELETE WHERE left_handle IN ({ERASING}) OR right_handle IN ({ERASING})",
    "evidence": f"DELETE WHERE handle IN ({ERASING})",
    "alerts": (
        """UPDATE reason = replaceRegexpOne(reason, '"examples":\\[.*?\\],"cascade"', '"examples":[],"cascade"')"""
        f" WHERE brand IN (SELECT brand {_THEIRS}) AND hasAny({_EXAMPLE_TIMES}, (SELECT groupArray(time) {_THEIRS}))"
    ),
    "interactions": (
        f"DELETE WHERE handle IN ({ERASING}), UPDATE"
        f" kinds = arrayFilter((kind, handle) -> handle NOT IN ({ERASING}), kinds, handles),"
        f" handles = arrayFilter(handle -> handle NOT IN ({ERASING}), handles) WHERE hasAny(handles, ({_AMONG}))"
    ),
    "conflicts": f"DELETE WHERE handle IN ({ERASING})",
    "readable_handles": f"DELETE WHERE handle IN ({ERASING})",
    **dict.fromkeys(OF_EXPIRED, f"DELETE WHERE handle IN ({ERASING})"),
    "carried_links": f"DELETE WHERE left_handle IN ({ERASING}) OR right_handle IN ({ERASING})",
    "dead_letters": f"DELETE WHERE {_names_one(_AMONG)}",
    "identity_map": (
        f"DELETE WHERE handle IN ({ERASING}), UPDATE"
        f" customer = if(customer IN ({ERASING}), handle, customer),"
        f" previous = if(previous IN ({ERASING}), handle, previous)"
        f" WHERE customer IN ({ERASING}) OR previous IN ({ERASING})"
    ),
    "stage_changes": f"DELETE WHERE customer IN ({ERASING})",
    "audience_changes": f"DELETE WHERE customer IN ({ERASING})",
    "kept_paths": f"DELETE WHERE customer IN ({ERASING}) OR hasAny(members, (SELECT groupArray(sipHash64(handle)) FROM ({ERASING})))",
}
# Handles that stay, of a customer who is known by one that goes: they get another name, and no version tells.
_LEFT = f"SELECT 1 FROM identity_map WHERE customer IN ({ERASING}) AND handle NOT IN ({ERASING}) LIMIT 1"
# ALTER has answered when all parts are rewritten. A lightweight DELETE would leave the rows where they are.
WHOLLY = {"mutations_sync": 2, "allow_nondeterministic_mutations": 1}
_TOUCHED = (*_ALTERED, "minute_counts")


@dataclass(frozen=True, slots=True)
class Erased:
    """The amounts that an erasure deletes: see the comments of the table `erasures`."""

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
            (SELECT count() FROM interactions_kept WHERE handle IN ({some}))
                + (SELECT count() FROM expired_events WHERE {EXPIRED} AND handle IN ({some})) AS events,
            (SELECT uniqExact(left_handle, right_handle) FROM identity_links
                WHERE left_handle IN ({some}) OR right_handle IN ({some})) AS links,
            (SELECT count() FROM stage_changes WHERE customer IN ({some})) AS announcements,
            (SELECT count() FROM interactions WHERE hasAny(handles, ({among})) AND handle NOT IN ({some})) AS mentions,
            (SELECT count() FROM dead_letters WHERE {_names_one(among)}) AS dead_letters
        """,
        parameters,
    )
    return Erased(**{name: int(value) for name, value in row.items()})


def pending(store: ClickHouse, *, idle: bool = False) -> list[str]:
    """Return the receipts of erasures that were begun and not finished; or `idle`, of what lets go of idle handles."""
    rows = store.rows(
        f"SELECT receipt FROM erasing GROUP BY receipt HAVING (any(consent) = '{IDLE}') = {{idle:Bool}} ORDER BY receipt",
        {"idle": idle},
    )
    return [row["receipt"] for row in rows]


def begin(  # noqa: PLR0913 - of one row
    insert: Insert,
    receipt: str,
    handles: Collection[int],
    reason: str,
    now_us: int,
    *,
    consent: str = "",
) -> None:
    """Record what is to be erased, in one insert: from then on it will be, even if the process is killed.

    `consent` is "denied" where all events of the handles are to be dropped from then on, "granted" where it is again.
    """
    everybody = sorted({_NOBODY, *handles})
    rows = {
        "receipt": [receipt] * len(everybody),
        "handle": pa.array(everybody, pa.uint64()),
        "reason": [reason] * len(everybody),
        "asked_at": pa.array([now_us] * len(everybody), _WHEN),
        "consent": [consent] * len(everybody),
    }
    with kill_point("erasure.begin"):
        insert("erasing", pa.table(rows))


def keep_receipt(store: ClickHouse, insert: Insert, receipt: str, now_us: int) -> None:
    """Count what is going to be deleted, and keep that; once."""
    if receipt_of(store, receipt) is not None:
        return
    found = _counted(store, _AMONG, {"receipt": receipt})
    _bury(store, receipt)
    enter(store, insert, receipt, found, now_us)


def enter(store: ClickHouse, insert: Insert, receipt: str, found: Erased, now_us: int) -> None:
    """Enter the receipt of what is going to be deleted: what for, and why, the table `erasing` says."""
    (asked,) = store.rows(
        "SELECT any(reason) AS reason, any(consent) AS consent FROM erasing WHERE receipt = {receipt:String}",
        {"receipt": receipt},
    )
    consent = asked["consent"]
    row: dict[str, Any] = {
        "receipt": [receipt],
        "at": pa.array([now_us], _WHEN),
        "what": [consent if consent == IDLE else f"consent {consent}" if consent else "customer"],
        "reason": [asked["reason"]],
    }
    counts = {field.name: pa.array([getattr(found, field.name)], pa.uint64()) for field in fields(found)}
    with kill_point("erasure.receipt"):
        insert("erasures", pa.table(row | counts))


def _bury(store: ClickHouse, receipt: str) -> None:
    """Keep a hash of each handle, so that its events until now, or all events, are dropped from then on."""
    rows = store.rows(
        f"SELECT handle, if(consent = 'denied', {_EVER}, asked_at) AS before, consent FROM erasing WHERE receipt = {{receipt:String}} AND handle != {_NOBODY}",
        {"receipt": receipt},
    )
    stones = sorted(
        (tombstone(row["handle"]), row["before"]) for row in rows
    )  # in an order that tells nothing
    with kill_point("erasure.bury"):
        store.client.insert("erased_handles", stones, column_names=["tombstone", "before"])
        if any(row["consent"] == "granted" for row in rows):
            store.client.command(
                f"ALTER TABLE {store.parts_of('erased_handles')} DELETE"
                f" WHERE tombstone IN {{stones:Array(UInt64)}} AND before = {_EVER}",
                parameters={"stones": [stone for stone, _ in stones]},
                settings=WHOLLY,
            )


def is_denied(store: ClickHouse, *handles: int) -> bool:
    """Return whether all events of any of these handles are dropped."""
    sql = f"SELECT 1 FROM erased_handles WHERE tombstone IN {{stones:Array(UInt64)}} AND before = {_EVER} LIMIT 1"
    return bool(store.rows(sql, {"stones": [tombstone(handle) for handle in handles]}))


def denied(store: ClickHouse) -> int:
    """Return the number of handles whose events are all dropped."""
    (row,) = store.rows(f"SELECT uniqExact(tombstone) AS n FROM erased_handles WHERE before = {_EVER}")
    return int(row["n"])


def tombstones(store: ClickHouse) -> dict[int, int]:
    """Return erased handles, hashed, and the instant (us) before which their events are dropped."""
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


def delete(store: ClickHouse, receipt: str, *tables: str) -> None:
    """Delete the handles from these tables, or from all; others' events that named one are kept without it."""
    for table in tables or _ALTERED:
        if table == "stage_changes":
            announced_numbers.keep(store)
        if table == "identity_map" and store.rows(_LEFT, {"receipt": receipt}):
            begin_epoch(store, "others have lost a handle to an erasure", system_clock())
        with kill_point("erasure.delete"):
            store.client.command(
                f"ALTER TABLE {store.parts_of(table)} {_ALTERED[table]}",
                parameters={"receipt": receipt},
                settings=WHOLLY,
            )


def clear(store: ClickHouse, receipt: str) -> None:
    """Forget whom it was about, and then that it was under way."""
    for who in (f"handle != {_NOBODY}", "1"):
        with kill_point("erasure.clear"):
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
        with kill_point("erasure.scrub"):
            store.client.command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")
            store.client.command(f"ALTER TABLE {table} DROP PARTITION ID 'none'")  # looks for such files
            store.client.command(f"ALTER TABLE {table} RESET SETTING old_parts_lifetime")


Forgotten = tuple[str, Erased]  # the receipt ("" where nothing is known of the handle), and what it took
