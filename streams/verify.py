"""Verify: recompute everything from the interactions in SQL, compare with what the stream wrote, show the drift."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from journey.identity import Moved
from journey.journeys import Pairs, Reason
from journey.stage import Stage
from streams.clock import from_us
from streams.embedded import Embedded
from streams.processors.identity import Identity
from streams.store import ClickHouse

__all__ = ["CHECKS", "Check", "verify"]

_SHOWN = 10  # rows of drift that are fetched for each check
_LAST = "stages"


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: what was compared, how many rows drift, and some of them."""

    name: str
    what: str
    drift: int
    rows: list[dict[str, Any]]


_GROWTH = "weight * exp2((toUnixTimestamp64Micro(time) - 1735689600000000) / (half_life_s * 1000000))"

CHECKS: dict[str, tuple[str, str]] = {
    "unique": (
        "every event stands in interactions once",
        "SELECT event, count() AS times FROM interactions GROUP BY event HAVING times > 1",
    ),
    "books": (
        "received = stored + duplicates + dead letters, and stored and dead letters are there",
        """
        SELECT * FROM
        (
            SELECT
                (SELECT sum(received) FROM deliveries) AS received,
                (SELECT sum(stored) FROM deliveries) AS stored,
                (SELECT sum(duplicates) FROM deliveries) AS duplicates,
                (SELECT sum(dead_letters) FROM deliveries) AS refused,
                (SELECT count() FROM interactions) AS interactions,
                (SELECT count() FROM dead_letters) AS letters
        )
        WHERE received != stored + duplicates + refused OR stored != interactions OR refused != letters
        """,
    ),
    "evidence": (
        "the sums per handle and stage, to 1e-9 of what went into them",
        f"""
        SELECT brand, handle, stage, streamed, recomputed FROM
        (
            SELECT brand, handle, part.1 AS stage, part.2 AS streamed
            FROM (
                SELECT brand, handle, [('attention', sum(attention)), ('attraction', sum(attraction)),
                    ('affinity', sum(affinity)), ('audience', sum(audience)), ('advocacy', sum(advocacy))] AS stages
                FROM evidence WHERE model = {{model:String}} GROUP BY brand, handle
            )
            ARRAY JOIN stages AS part
            WHERE part.2 IS NOT NULL
        ) AS s
        FULL OUTER JOIN
        (
            SELECT brand, handle, stage, sumOrNull({_GROWTH}) AS recomputed, sum(abs({_GROWTH})) AS scale
            FROM touch_evidence(model = {{model:String}})
            GROUP BY brand, handle, stage
        ) AS r USING (brand, handle, stage)
        WHERE streamed IS NULL OR recomputed IS NULL OR abs(streamed - recomputed) > 1e-9 * scale
        """,
    ),
    "touches": (
        "touches per channel, revenue, first and last seen of each handle",
        """
        SELECT * FROM
        (
            SELECT brand, handle, [sum(touches_social), sum(touches_web), sum(touches_store), sum(touches_support),
                sum(touches_direct), sum(touches_other)] AS streamed, mapFilter((k, v) -> v != 0, sumMap(revenue)) AS streamed_revenue,
                min(first_seen) AS streamed_first, max(last_seen) AS streamed_last
            FROM evidence WHERE model = {model:String} GROUP BY brand, handle
        ) AS s
        FULL OUTER JOIN
        (
            SELECT brand, handle, [countIf(channel = 'social'), countIf(channel = 'web'), countIf(channel = 'store'),
                countIf(channel = 'support'), countIf(channel = 'direct'), countIf(channel = 'other')] AS counted,
                mapFilter((k, v) -> v != 0, sumMap(if(revenue IS NULL OR revenue = 0, map(), map(toString(currency), toDecimal128(assumeNotNull(revenue), 4))))) AS counted_revenue,
                min(time) AS counted_first, max(time) AS counted_last
            FROM touchpoints GROUP BY brand, handle
        ) AS r USING (brand, handle)
        WHERE streamed != counted OR streamed_revenue != counted_revenue OR streamed_first != counted_first OR streamed_last != counted_last
        """,
    ),
    "minutes": (
        "touches per brand, minute and type",
        """
        SELECT * FROM
            (SELECT brand, minute, type, sum(touches) AS streamed FROM minute_counts GROUP BY brand, minute, type) AS s
        FULL OUTER JOIN
            (
                SELECT brand, fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Micro(time) / 60000000) * 60), 'UTC') AS minute, type, count() AS recomputed
                FROM interactions WHERE NOT startsWith(type, 'identity.') GROUP BY brand, minute, type
            ) AS r USING (brand, minute, type)
        WHERE streamed != recomputed
        """,
    ),
    "links": (
        "who said that two handles are one person, and how often",
        """
        SELECT * FROM
        (
            SELECT left_handle, right_handle, source, sum(said) AS streamed, max(withdrawn_at) AS streamed_withdrawn
            FROM identity_links GROUP BY left_handle, right_handle, source
        ) AS s
        FULL OUTER JOIN
        (
            SELECT least(a, b) AS left_handle, greatest(a, b) AS right_handle, source, countIf(type != 'identity.unlink') AS recomputed,
                maxOrNullIf(time, type = 'identity.unlink') AS recomputed_withdrawn
            FROM (SELECT type, source, time, a, handles FROM interactions ARRAY JOIN handles AS a) ARRAY JOIN handles AS b
            WHERE a < b GROUP BY left_handle, right_handle, source
        ) AS r USING (left_handle, right_handle, source)
        WHERE streamed != recomputed OR NOT (streamed_withdrawn <=> recomputed_withdrawn)
        """,
    ),
    "announcements": (
        "each change of stage starts where the customer's last one ended",
        """
        SELECT brand, customer, sequence, before, from_stage FROM
        (
            SELECT brand, customer, sequence, from_stage,
                lagInFrame(toString(to_stage), 1, 'none') OVER (PARTITION BY brand, customer ORDER BY sequence ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
            FROM stage_changes
        )
        WHERE before != toString(from_stage)
        """,
    ),
    "stages": (
        "the stage announced last against the one recomputed from interactions",
        """
        SELECT brand, customer, announced, recomputed FROM
        (
            SELECT brand, customer, toString(argMax(to_stage, sequence)) AS announced
            FROM stage_changes GROUP BY brand, customer HAVING announced != 'none'
        ) AS s
        FULL OUTER JOIN
        (
            SELECT brand, customer, toString(stage) AS recomputed
            FROM standing_under(model = {model:String}, at = {at:DateTime64(6, 'UTC')}) WHERE stage != 'none'
        ) AS r USING (brand, customer)
        WHERE announced != recomputed
            AND (brand, customer) NOT IN (SELECT brand, customer FROM touchpoints WHERE time > {at:DateTime64(6, 'UTC')})
        """,
    ),
}


def verify(embedded: Embedded) -> list[Check]:
    """Run every check. Where all is well so far, what lapsed meanwhile is announced before the last one.

    Nothing is written where anything drifts: the evidence of it is kept.
    """
    parameters = {"model": embedded.model.hash, "at": from_us(now_us := embedded.clock())}
    checks = [_compare(embedded.store, name, parameters) for name in CHECKS if name != _LAST]
    checks += [_customers(embedded), _announced(embedded, now_us)]
    if not any(check.drift for check in checks):
        embedded.announce(now_us)
    return [*checks, _compare(embedded.store, _LAST, parameters)]


def _compare(store: ClickHouse, name: str, parameters: dict[str, Any]) -> Check:
    what, sql = CHECKS[name]
    settings = f" SETTINGS join_use_nulls = {int(name == 'evidence')}"
    drift = store.rows(f"SELECT count() AS n FROM ({sql}){settings}", parameters)[0]["n"]
    rows = store.rows(f"SELECT * FROM ({sql}) LIMIT {_SHOWN}{settings}", parameters) if drift else []
    return Check(name, what, drift, rows)


def _customers(embedded: Embedded) -> Check:
    """Compare the map of handles with the components of the links, computed afresh."""
    identity = Identity(embedded.model.identity)
    mapped = embedded.store.identity_map()
    identity.restore(embedded.store.links(), mapped)
    slots = identity.unmapped()
    told = dict(zip(mapped.column("handle").to_pylist(), mapped.column("customer").to_pylist(), strict=True))
    customers = identity.graph.customers(slots)
    rows = [
        {"handle": int(handle), "mapped": told.get(int(handle)), "recomputed": int(customer)}
        for handle, customer in zip(identity.graph.handles.id[slots[:_SHOWN]], customers, strict=False)
    ]
    return Check("customers", "handle to customer, from the links", len(slots), rows)


def _announced(embedded: Embedded, now_us: int) -> Check:
    """Compare announcements with the evidence: only lapses may be outstanding."""
    journey = embedded.engine.journey
    changes = journey.announce(Pairs.none(), Moved.nobody(), now_us, everyone=True)
    embedded.use_model(embedded.model)  # that state has announced what is not written: drop it
    late = np.flatnonzero(changes.reason != Reason.LAPSE)
    rows = [
        {
            "customer": int(journey.state.graph.handles.id[changes.slot[i]]),
            "announced": Stage(int(changes.old[i])).label,
            "held": Stage(int(changes.new[i])).label,
        }
        for i in late[:_SHOWN]
    ]
    return Check("announced", "the stage announced last against the evidence, lapses aside", len(late), rows)
