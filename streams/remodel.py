"""Change of the A-Path model: tried on all of history (what if), then put in force in one step (apply)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from journey.channel import CHANNELS
from journey.model import Model
from journey.stage import STAGES
from streams import models
from streams.embedded import Embedded
from streams.engine import Outcome
from streams.faults import boundary
from streams.store import ClickHouse

__all__ = ["WhatIf", "apply", "evidence_parameters", "evidence_sql", "what_if"]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Population by stage under two models, and the moves between them; rows are dictionaries by column."""

    now: str
    then: str
    population: list[dict[str, Any]]
    moves: list[dict[str, Any]]


_BOTH = """
    SELECT a.brand AS brand, a.customer AS customer, a.stage AS now, b.stage AS then
    FROM (SELECT brand, customer, stage FROM standing_under(model = {now:String}, at = {at:DateTime64(6, 'UTC')})) AS a
    INNER JOIN (SELECT brand, customer, stage FROM standing_under(model = {then:String}, at = {at:DateTime64(6, 'UTC')})) AS b
        ON a.brand = b.brand AND a.customer = b.customer
    WHERE {brand:String} IN ('', a.brand)
"""


def what_if(store: ClickHouse, now: Model, then: Model, brand: str, at: datetime) -> WhatIf:
    """Weigh all of history under both models; `brand` empty is every brand. Nothing is put in force."""
    models.write(store.client, then)
    scope = {"now": now.hash, "then": then.hash, "brand": brand, "at": at}
    population = store.rows(
        f"""
        SELECT brand, stage, toUInt64(sum(n)) AS now, toUInt64(sum(t)) AS then FROM
        (
            SELECT brand, now AS stage, count() AS n, 0 AS t FROM ({_BOTH}) GROUP BY brand, stage
            UNION ALL
            SELECT brand, then AS stage, 0 AS n, count() AS t FROM ({_BOTH}) GROUP BY brand, stage
        )
        GROUP BY brand, stage ORDER BY brand, stage
        """,
        scope,
    )
    moves = store.rows(
        f"""
        SELECT brand, now, then, count() AS customers, arraySort(groupArraySample(3, 1)(customer)) AS some
        FROM ({_BOTH}) WHERE now != then GROUP BY brand, now, then ORDER BY brand, customers DESC, now, then
        """,
        scope,
    )
    return WhatIf(now.hash, then.hash, population, moves)


def apply(embedded: Embedded, model: Model, toml: str) -> Outcome:
    """Recompute all evidence under a model, then put it in force; return what was announced.

    Everything before the last step is invisible: interrupted at any point, the old model still stands, and what
    was left half done is removed by the next try.
    """
    embedded.drain()
    embedded.tick()
    if model.hash == embedded.model.hash:
        return Outcome()
    client = embedded.store.client
    models.write(client, model)
    with boundary("model.evidence"):
        client.command(
            "ALTER TABLE evidence DELETE WHERE model = {model:String}",
            parameters={"model": model.hash},
            settings={"mutations_sync": 2},
        )
        client.command(evidence_sql(), parameters=evidence_parameters(model))
    models.activate(client, model, toml, embedded.clock())
    embedded.use_model(model)
    return embedded.tick()


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
    sums = ", ".join(f"sumOrNullIf(grown, position = {int(stage)}) AS {stage.label}" for stage in STAGES)
    channel = (
        "transform(substringIndex(type, '.', 1), {areas:Array(String)}, {channels:Array(String)}, 'other')"
    )
    verb = "transform(concat('*.', substringIndex(type, '.', -1)), {types:Array(String)}, {signs:Array(Int8)}, toInt8(0))"
    sign = f"transform(type, {{types:Array(String)}}, {{signs:Array(Int8)}}, {verb})"
    touches = ", ".join(f"countIf(channel = '{name}') AS touches_{name}" for name in CHANNELS)
    names = ", ".join(stage.label for stage in STAGES)
    return f"""
        INSERT INTO evidence (model, brand, handle, {names}, touches_social, touches_web, touches_store,
            touches_support, touches_direct, touches_other, revenue, first_seen, last_seen, _partition, _offset)
        SELECT {{model:String}}, t.brand, t.handle, {names}, touches_social, touches_web, touches_store,
            touches_support, touches_direct, touches_other, revenue, first_seen, last_seen, _partition, _offset
        FROM
        (
            SELECT brand, handle, {place}, {touches}, min(time) AS first_seen, max(time) AS last_seen,
                sumMap(if(money IS NULL OR money = 0, map(), map(toString(currency), toDecimal128(assumeNotNull(money), 4)))) AS revenue
            FROM
            (
                SELECT *, {channel} AS channel, amount * {sign} AS money FROM interactions
                WHERE NOT startsWith(type, 'identity.') AND {scope}
            )
            GROUP BY brand, handle, _partition
        ) AS t
        LEFT JOIN
        (
            SELECT brand, handle, {sums} FROM touch_evidence(model = {{model:String}}) WHERE {scope}
            GROUP BY brand, handle
        ) AS e ON e.brand = t.brand AND e.handle = t.handle
        WHERE {only_if}
        SETTINGS join_use_nulls = 1
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
