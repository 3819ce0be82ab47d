"""Builds the SQL statement that weighs all of history under a model: the rows of the table evidence."""

from typing import Any

from journey.channel import CHANNELS
from journey.model import Model
from journey.stage import STAGES
from streams.store.sql import CARRIED

__all__ = ["EVIDENCE_COLUMNS", "evidence_parameters", "evidence_select", "evidence_sql"]

EVIDENCE_COLUMNS = ", ".join(
    (
        "model", "brand", "handle", *(stage.label for stage in STAGES), *(f"touches_{name}" for name in CHANNELS),
        "revenue", "first_seen", "last_seen", "_partition", "_offset",
    )
)  # fmt: skip


def evidence_sql(
    scope: str = "1", place: str = "_partition, max(_offset) AS _offset", only_if: str = "1"
) -> str:
    """Return the INSERT that weighs history: one SQL statement, as design law 6 has it.

    Parameters
    ----------
    scope
        Condition on the handle of the interactions.
    place
        What the rows have as `_partition` and `_offset`; rows are grouped by the former.
    only_if
        Condition on which anything is inserted at all.
    """
    return f"""
        INSERT INTO evidence ({EVIDENCE_COLUMNS})
        {evidence_select(scope, place, only_if)}
        SETTINGS join_use_nulls = 1
    """


def evidence_select(
    scope: str = "1",
    place: str = "_partition, max(_offset) AS _offset",
    only_if: str = "1",
    *,
    spread: bool = False,
) -> str:
    """Return the SELECT of `evidence_sql`, to be run with join_use_nulls = 1; its columns are EVIDENCE_COLUMNS.

    Sums of expired interactions are weighed as the view touch_evidence has them, and their touches counted. With
    `spread`, interactions of one handle may be in several partitions: its touches are counted in each, and all of its
    sums are in the first.
    """
    sums = ", ".join(f"sumOrNullIf(grown, position = {int(stage)}) AS {stage.label}" for stage in STAGES)
    channel = (
        "transform(substringIndex(type, '.', 1), {areas:Array(String)}, {channels:Array(String)}, 'other')"
    )
    verb = "transform(concat('*.', substringIndex(type, '.', -1)), {types:Array(String)}, {signs:Array(Int8)}, toInt8(0))"
    sign = f"transform(type, {{types:Array(String)}}, {{signs:Array(Int8)}}, {verb})"
    money = f"if(({sign} AS counted) < 0, abs(amount), amount) * counted"  # a refund takes away, whatever its sign
    counts = ", ".join(f"countIf(channel = '{name}') AS touches_{name}" for name in CHANNELS)
    expired = ", ".join(f"sumIf(touches, channel = '{name}') AS touches_{name}" for name in CHANNELS)
    touches = ", ".join(f"sum(touches_{name}) AS touches_{name}" for name in CHANNELS)
    first = "_partition = min(_partition) OVER (PARTITION BY brand, handle)" if spread else "1"
    columns = EVIDENCE_COLUMNS.removeprefix("model, brand, handle, ")
    return f"""
        SELECT {{model:String}} AS model, t.brand AS brand, t.handle AS handle, {columns}
        FROM
        (
            SELECT *, toUInt8({first}) AS has_sums FROM
            (
                SELECT brand, handle, {touches}, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
                    sumMap(revenue) AS revenue, _partition, max(_offset) AS _offset
                FROM
                (
                    SELECT brand, handle, {place}, {counts}, min(time) AS first_seen, max(time) AS last_seen,
                        sumMap(if(money IS NULL OR money = 0, map(), map(toString(currency), toDecimal128(assumeNotNull(money), 4)))) AS revenue
                    FROM
                    (
                        SELECT *, {channel} AS channel, {money} AS money FROM interactions_kept
                        WHERE NOT startsWith(type, 'identity.') AND {scope}
                    )
                    GROUP BY brand, handle, _partition
                    UNION ALL
                    SELECT brand, handle, {place}, {expired}, min(first) AS first_seen, max(last) AS last_seen,
                        sumMap(money) AS revenue
                    FROM
                    (
                        SELECT brand, handle, touches, first_seen AS first, last_seen AS last, _partition, _offset, {channel} AS channel,
                            multiIf(({sign} AS counted) > 0, amounts, counted < 0, mapApply((k, v) -> (k, -v), absolute),
                                CAST(map(), 'Map(String, Decimal(38, 4))')) AS money
                        FROM (SELECT *, toUInt128(0) AS event FROM carried_touches WHERE {CARRIED})
                        WHERE {scope}
                    )
                    GROUP BY brand, handle, _partition
                )
                GROUP BY brand, handle, _partition
            )
        ) AS t
        LEFT JOIN
        (
            SELECT brand, handle, toUInt8(1) AS has_sums, {sums} FROM touch_evidence(model = {{model:String}}) WHERE {scope}
            GROUP BY brand, handle
        ) AS e ON e.brand = t.brand AND e.handle = t.handle AND e.has_sums = t.has_sums
        WHERE {only_if}
    """


def evidence_parameters(model: Model) -> dict[str, Any]:
    """Return the parameters of `evidence_sql`."""
    return {
        "model": model.hash,
        "areas": list(model.channels),
        "channels": list(model.channels.values()),
        "types": list(model.revenue),
        "signs": list(model.revenue.values()),
    }
