"""Sums up what interactions gave before they expire: for each table that follows from interactions, its share of theirs.

The sums of one expiry of a brand replace those of the one before, which they contain. Rows are as the tables that follow
have them, so that these are recomputed from the interactions that are there and from the sums together.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.clock import exact
from streams.recovery.derived_tables import LINKS_OF
from streams.store.sql import CARRIED, MINUTE

__all__ = ["CARRYING", "KEYS", "Expiry", "gone", "statement"]

GONE = (
    "brand = {brand:String} AND time < {horizon:DateTime64(6, 'UTC')} AND has({parts:Array(UInt16)}, _partition)"
    " AND _offset <= transform(_partition, {parts:Array(UInt16)}, {upto:Array(UInt64)}, toUInt64(0))"
)
"""The condition on the interactions that expire."""

_OLD = f"brand = {{brand:String}} AND {CARRIED}"
_TOUCH = "NOT startsWith(type, 'identity.')"
_DAY = "toRelativeDayNum({of}) % {{slices:UInt64}} = {{slice:UInt64}}"
_AT = "{horizon:DateTime64(6, 'UTC')}"

KEYS = f"""
    INSERT INTO expired_events (event, brand, handle, is_touch, number, _partition, _offset)
    SELECT event, brand, handle, {_TOUCH}, {{number:UInt64}}, _partition, _offset FROM interactions
    WHERE {GONE} AND {{part}}
"""
# Table to what fills it, for a condition on one part of the handles.
CARRYING: dict[str, str] = {
    "carried_evidence": f"""
        SELECT brand, handle, stage, {_AT} AS horizon,
            sumIf(weight * exp2(-dateDiff('microsecond', time, horizon) / (half_life_s * 1000000)), weight >= 0) AS gained,
            sumIf(weight * exp2(-dateDiff('microsecond', time, horizon) / (half_life_s * 1000000)), weight < 0) AS lost,
            _partition, max(_offset) AS last_offset
        FROM touch_evidence(model = {{model:String}})
        WHERE brand = {{brand:String}} AND (event = 0 OR {GONE}) AND {{part}}
        GROUP BY brand, handle, stage, _partition
    """,
    "carried_touches": f"""
        SELECT brand, handle, type, {_AT} AS horizon, sum(n) AS touches, min(first) AS first_seen, max(last) AS last_seen,
            sumMap(plain) AS amounts, sumMap(positive) AS absolute, _partition, max(last_offset) AS _offset
        FROM
        (
            SELECT brand, handle, type, count() AS n, min(time) AS first, max(time) AS last, _partition, max(_offset) AS last_offset,
                sumMapIf(map(toString(currency), toDecimal128(ifNull(amount, 0), 4)), amount IS NOT NULL) AS plain,
                sumMapIf(map(toString(currency), abs(toDecimal128(ifNull(amount, 0), 4))), amount IS NOT NULL) AS positive
            FROM interactions
            WHERE {GONE} AND {_TOUCH} AND {{part}}
            GROUP BY brand, handle, type, _partition
            UNION ALL
            SELECT brand, handle, type, touches AS n, first_seen AS first, last_seen AS last, _partition, _offset AS last_offset,
                amounts AS plain, absolute AS positive
            FROM carried_touches WHERE {_OLD} AND {{part}}
        )
        GROUP BY brand, handle, type, _partition
    """,
    "carried_minutes": f"""
        SELECT brand, minute, type, sum(n) AS touches, _partition, max(last_offset) AS _offset
        FROM
        (
            SELECT brand, {MINUTE} AS minute, type, count() AS n, _partition, max(_offset) AS last_offset
            FROM interactions WHERE {GONE} AND {_TOUCH} AND {_DAY.format(of="time")} GROUP BY brand, minute, type, _partition
            UNION ALL
            SELECT brand, minute, type, touches AS n, _partition, _offset AS last_offset FROM carried_minutes
            WHERE {_OLD} AND {_DAY.format(of="minute")}
        )
        GROUP BY brand, minute, type, _partition
    """,
    "carried_links": f"""
        SELECT {{brand:String}} AS brand, left_handle, right_handle, source, left_kind, right_kind, sum(n) AS said,
            min(first) AS first_seen, max(last) AS last_seen, max(withdrawn) AS withdrawn_at, max(restored) AS restored_at,
            _partition, max(last_offset) AS _offset
        FROM
        (
            SELECT left_handle, right_handle, toString(source) AS source, left_kind, right_kind, said AS n, first_seen AS first, last_seen AS last,
                withdrawn_at AS withdrawn, restored_at AS restored, _partition, _offset AS last_offset
            FROM ({LINKS_OF.format(interactions=f"(SELECT * FROM interactions WHERE {GONE})", scope="intHash64(a.1) % {slices:UInt64} = {slice:UInt64}")})
            UNION ALL
            SELECT left_handle, right_handle, toString(source) AS source, toString(left_kind) AS left_kind, toString(right_kind) AS right_kind,
                said AS n, first_seen AS first, last_seen AS last, withdrawn_at AS withdrawn, restored_at AS restored,
                _partition, _offset AS last_offset
            FROM carried_links WHERE {_OLD} AND intHash64(left_handle) % {{slices:UInt64}} = {{slice:UInt64}}
        )
        GROUP BY left_handle, right_handle, source, left_kind, right_kind, _partition
    """,
    "carried_handles": f"""
        SELECT {{brand:String}} AS brand, end.1 AS handle, toString(any(end.2)) AS kind, _partition, max(last_offset) AS _offset
        FROM
        (
            SELECT arrayJoin(arrayZip(handles, kinds)) AS end, _partition, _offset AS last_offset FROM interactions WHERE {GONE}
            UNION ALL
            SELECT (handle, kind) AS end, _partition, _offset AS last_offset FROM carried_handles WHERE {_OLD}
        )
        WHERE intHash64(end.1) % {{slices:UInt64}} = {{slice:UInt64}}
        GROUP BY handle, _partition
    """,
}
_PART = "intHash64(handle) % {slices:UInt64} = {slice:UInt64}"


@dataclass(frozen=True, slots=True)
class Expiry:
    """An expiry of a brand's interactions.

    Attributes
    ----------
    number
        Above those before; the sums of the highest count.
    horizon
        Earlier interactions expire.
    model
        Hash of the model that weighs them.
    upto
        Offset of each partition of the log up to which they do.
    """

    number: int
    brand: str
    horizon: datetime
    model: str
    upto: dict[int, int]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {
            "number": self.number, "brand": self.brand, "horizon": exact(self.horizon), "model": self.model,
            "parts": list(self.upto), "upto": list(self.upto.values()),
        }  # fmt: skip


def statement(table: str) -> str:
    """Return the INSERT that fills a table for a slice ({slice} of {slices}) of the handles, or of the days."""
    if table == "expired_events":
        return KEYS.replace("{part}", _PART)
    select = CARRYING[table].replace("{part}", _PART)
    return f"INSERT INTO {table} SELECT {{number:UInt64}} AS number, * FROM ({select})"


def gone(expiries: Sequence[Expiry]) -> tuple[str, dict[str, Any]]:
    """Return the condition on the interactions that some expiries delete, and its parameters."""
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    for number, expiry in enumerate(expiries):
        named = {name: value for name, value in expiry.parameters.items() if f"{{{name}:" in GONE}
        conditions.append(re.sub(r"\{(\w+):", rf"{{\g<1>_{number}:", GONE))
        parameters |= {f"{name}_{number}": value for name, value in named.items()}
    return " OR ".join(f"({condition})" for condition in conditions), parameters
