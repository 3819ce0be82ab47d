"""Holds the checks of verify: for each, one SQL query over all of history whose rows are drift.

Parameters are `model`, `at`, `slices` and `slice`: a query looks at one of so many parts of the rows, so that what it
needs of memory does not grow with history. For the last check there is `workers`: whether lapses are announced by workers,
in their own time. Then a customer may still be announced at the stage of their last touch.
"""

from streams.recovery.derived_tables import LINK_ROWS, MINUTE_ROWS
from streams.recovery.reconciliation import MADE_ANEW
from streams.store.kept import EVER, PATHS, STEPS
from streams.store.sql import EXPIRED, MINUTE

__all__ = ["CHECKS", "MINUTE"]

# The rows of one slice.
_SLICE = "{{slices:UInt64}} = {{slice:UInt64}}"
_HANDLE = f"intHash64({{of}}) % {_SLICE}"
_DAY = f"toRelativeDayNum({{of}}) % {_SLICE}"
# NULLs make a comparison unknown, and an outer join makes defaults of what is not there: so all is in one text.
_LINK_SUMS = (
    "toString((sum(said), min(first_seen), max(last_seen), max(withdrawn_at), max(restored_at))) AS {of}"
)

CHECKS: dict[str, tuple[str, str]] = {
    "unique": (
        "every event stands in interactions once",
        f"""
        SELECT event, any(source) AS source, any(id) AS id, arraySort(groupArray(time)) AS times FROM interactions
        WHERE event IN
        (
            SELECT event FROM
            (
                SELECT event FROM interactions_kept WHERE cityHash64(event) % {{slices:UInt64}} = {{slice:UInt64}}
                UNION ALL
                SELECT event FROM expired_events
                WHERE {EXPIRED} AND cityHash64(event) % {{slices:UInt64}} = {{slice:UInt64}}
            )
            GROUP BY event HAVING count() > 1
        )
        GROUP BY event
        """,
    ),
    "books": (
        "received = stored + duplicates + dead letters, and stored and dead letters are there, have expired, or were erased",
        f"""
        SELECT * FROM
        (
            SELECT
                (SELECT sum(received) FROM deliveries) AS received,
                (SELECT sum(stored) FROM deliveries) AS stored,
                (SELECT sum(duplicates) FROM deliveries) AS duplicates,
                (SELECT sum(dead_letters) FROM deliveries) AS refused,
                (SELECT count() FROM interactions_kept) AS interactions,
                (SELECT count() FROM expired_events WHERE {EXPIRED}) AS expired,
                (SELECT count() FROM dead_letters) AS letters,
                (SELECT sum(events) FROM erasures) AS erased,
                (SELECT sum(dead_letters) FROM erasures) AS erased_letters
        )
        WHERE received != stored + duplicates + refused OR stored != interactions + expired + erased
            OR refused != letters + erased_letters
        """,
    ),
    "evidence": (
        "the sums per handle and stage, to 1e-9 of what went into them",
        """
        SELECT brand, handle, stage, streamed, recomputed FROM
        (
            SELECT brand, handle, part.1 AS stage, part.2 AS streamed
            FROM (
                SELECT brand, handle, [('attention', sum(attention)), ('attraction', sum(attraction)),
                    ('affinity', sum(affinity)), ('audience', sum(audience)), ('advocacy', sum(advocacy))] AS stages
                FROM evidence WHERE model = {model:String} AND intHash64(handle) % {slices:UInt64} = {slice:UInt64} GROUP BY brand, handle
            )
            ARRAY JOIN stages AS part
            WHERE part.2 IS NOT NULL
        ) AS s
        FULL OUTER JOIN
        (
            SELECT brand, handle, stage, sumOrNull(grown) AS recomputed, sum(abs(grown)) AS scale
            FROM touch_evidence(model = {model:String}) WHERE intHash64(handle) % {slices:UInt64} = {slice:UInt64}
            GROUP BY brand, handle, stage
        ) AS r USING (brand, handle, stage)
        WHERE streamed IS NULL OR recomputed IS NULL OR abs(streamed - recomputed) > 1e-9 * scale + 1e-250
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
            FROM evidence WHERE model = {model:String} AND intHash64(handle) % {slices:UInt64} = {slice:UInt64} GROUP BY brand, handle
        ) AS s
        FULL OUTER JOIN
        (
            SELECT brand, handle, [sumIf(n, channel = 'social'), sumIf(n, channel = 'web'), sumIf(n, channel = 'store'),
                sumIf(n, channel = 'support'), sumIf(n, channel = 'direct'), sumIf(n, channel = 'other')] AS counted,
                mapFilter((k, v) -> v != 0, sumMap(money)) AS counted_revenue,
                min(first) AS counted_first, max(last) AS counted_last
            FROM
            (
                SELECT brand, handle, channel, count() AS n, min(time) AS first, max(time) AS last,
                    sumMap(if(revenue IS NULL OR revenue = 0, map(), map(toString(currency), toDecimal128(assumeNotNull(revenue), 4)))) AS money
                FROM touchpoints WHERE intHash64(handle) % {slices:UInt64} = {slice:UInt64} GROUP BY brand, handle, channel
                UNION ALL
                SELECT brand, handle, channel, touches AS n, first_seen AS first, last_seen AS last, revenue AS money
                FROM expired_touches WHERE intHash64(handle) % {slices:UInt64} = {slice:UInt64}
            )
            GROUP BY brand, handle
        ) AS r USING (brand, handle)
        WHERE streamed != counted OR streamed_revenue != counted_revenue OR streamed_first != counted_first OR streamed_last != counted_last
        """,
    ),
    "minutes": (
        "touches per brand, minute and type",
        f"""
        SELECT * FROM
            (SELECT brand, minute, type, sum(touches) AS streamed FROM minute_counts WHERE {_DAY.format(of="minute")} GROUP BY brand, minute, type) AS s
        FULL OUTER JOIN
            (
                SELECT brand, minute, type, sum(touches) AS recomputed FROM ({MINUTE_ROWS.format(scope=_DAY.format(of="time"))})
                GROUP BY brand, minute, type
            ) AS r USING (brand, minute, type)
        WHERE streamed != recomputed
        """,
    ),
    "links": (
        "who said that two handles are one person, how often, when first and last, and what was decided",
        f"""
        SELECT * FROM
        (
            SELECT left_handle, right_handle, toString(left_kind) AS left_kind, toString(right_kind) AS right_kind, toString(source) AS source, {_LINK_SUMS.format(of="streamed")}
            FROM identity_links WHERE {_HANDLE.format(of="left_handle")}
            GROUP BY left_handle, right_handle, left_kind, right_kind, source
        ) AS s
        FULL OUTER JOIN
        (
            SELECT left_handle, right_handle, left_kind, right_kind, toString(source) AS source, {_LINK_SUMS.format(of="recomputed")}
            FROM ({LINK_ROWS.format(scope=_HANDLE.format(of="a.1"))})
            GROUP BY left_handle, right_handle, left_kind, right_kind, source
        ) AS r USING (left_handle, right_handle, left_kind, right_kind, source)
        WHERE streamed != recomputed
        """,
    ),
    "conflicts": (
        "repeats that say something else: each counted one is listed (until somebody is forgotten, or interactions expire), and what is stored says what it said then",
        f"""
        SELECT 'listed and not counted, or counted and not listed' AS drift, _partition, _offset, sum(counted) AS counted, sum(listed) AS listed FROM
        (
            SELECT _partition, _offset, toUInt64(conflicts) AS counted, toUInt64(0) AS listed FROM deliveries WHERE conflicts > 0
            UNION ALL
            SELECT _partition, _offset, toUInt64(0) AS counted, uniqExact(event) AS listed FROM conflicts GROUP BY _partition, _offset
        )
        WHERE (_partition, _offset) NOT IN (SELECT _partition, _offset FROM deliveries WHERE topic = '{MADE_ANEW}')
        GROUP BY _partition, _offset
        HAVING (counted > 0 AND listed = 0 AND (SELECT count() FROM erasures) = 0 AND (SELECT count() FROM expiries) = 0) OR (listed > counted AND
            (counted > 0 OR (_partition, _offset) IN (SELECT _partition, _offset FROM deliveries) OR NOT has((SELECT groupUniqArray(topic) FROM deliveries), '{MADE_ANEW}')))
        UNION ALL
        SELECT concat('another ', toString(c.field)) AS drift, c._partition, c._offset, toUInt64(0) AS counted, toUInt64(1) AS listed
        FROM conflicts AS c
        INNER JOIN
        (
            SELECT event, [('brand', toString(brand)), ('type', toString(type)), ('content', content), ('product', product), ('place', toString(place)),
                ('campaign', toString(campaign)), ('device', toString(device)), ('currency', toString(currency)), ('cause', cause)] AS texts
            FROM interactions WHERE event IN (SELECT event FROM conflicts)
        ) AS i ON i.event = c.event
        WHERE NOT match(c.kept, '#[0-9a-f]{{16}}') AND arrayExists(each -> each.1 = c.field AND lengthUTF8(each.2) <= 200 AND each.2 != c.kept, i.texts)
        """,
    ),
    "announcements": (
        "each change of stage starts where the customer's last one ended, says what it said when it was written, and has its interaction",
        f"""
        SELECT brand, customer, sequence, before, from_stage, is_sealed, at, toString(reason) AS reason FROM
        (
            SELECT brand, customer, sequence, from_stage, at, reason, announced_at,
                lagInFrame(toString(to_stage), 1, 'none') OVER (PARTITION BY brand, customer ORDER BY sequence ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before,
                seal = sipHash64(brand, from_stage, to_stage, at, reason, model, announced_at, sequence, _offset) AS is_sealed
            FROM stage_changes
            WHERE {_HANDLE.format(of="customer")}
        )
        WHERE before != toString(from_stage) OR NOT is_sealed OR reason NOT IN ('evidence', 'lapse', 'identity', 'model', 'retention')
            OR (reason = 'evidence' AND announced_at > (SELECT max(at) FROM erasures)
                AND NOT arrayExists(each -> each.1 = toString(brand) AND at < each.2, (SELECT groupArray((toString(brand), horizon)) FROM horizons))
                AND (brand, at) NOT IN
                (
                    SELECT brand, time FROM interactions
                    WHERE (brand, time) IN (SELECT brand, at FROM stage_changes WHERE reason = 'evidence' AND {_HANDLE.format(of="customer")})
                ))
        """,
    ),
    "audiences": (
        "each customer enters an audience before they leave it, in turn, and no number is given twice",
        f"""
        SELECT brand, audience, customer, 'out of turn' AS drift FROM audience_changes
        WHERE {_HANDLE.format(of="customer")}
        GROUP BY brand, audience, customer
        HAVING arrayExists(
            (change, place) -> change.2 != if(place % 2 = 1, 'entered', 'left'),
            arraySort(groupArray((number, toString(change)))) AS path, arrayEnumerate(path))
        UNION ALL
        SELECT any(brand) AS brand, any(audience) AS audience, any(customer) AS customer, concat('number ', toString(number)) AS drift
        FROM audience_changes WHERE {_HANDLE.format(of="number")}
        GROUP BY number HAVING count() > 1
        """,
    ),
    # Sums of floats in another order may have a stage lapse a microsecond later.
    "paths": (
        "the kept paths against those that the interactions give",
        f"""
        SELECT brand, customer, kept, defined FROM
        (
            SELECT brand, customer, anyIf(path, is_kept) AS kept, anyIf(path, NOT is_kept) AS defined
            FROM
            (
                SELECT toString(brand) AS brand, customer, true AS is_kept,
                    arrayMap((at, b, a, why, t) -> (at, b, a, toString(why), toString(t)), at_us, before, after, reasons, types) AS path
                FROM {PATHS} FINAL
                WHERE model = {{model:String}} AND notEmpty(at_us) AND {_HANDLE.format(of="customer")}
                UNION ALL
                SELECT toString(brand) AS brand, customer, false AS is_kept,
                    arrayMap(s -> (s.1, s.2, s.3, s.4, toString(s.5)), {STEPS}) AS path
                FROM stage_steps_of(model = {{model:String}}, until = {EVER}, now = {EVER},
                    stale = 0, slices = {{slices:UInt32}}, slice = {{slice:UInt32}})
                WHERE {_HANDLE.format(of="customer")}
                GROUP BY brand, customer
            )
            GROUP BY brand, customer
        )
        WHERE customer NOT IN (SELECT arrayJoin((SELECT state FROM kept_state).2))
            AND (length(kept) != length(defined)
                OR arrayExists(
                    (k, d) -> k.2 != d.2 OR k.3 != d.3 OR k.4 != d.4 OR k.5 != d.5 OR abs(k.1 - d.1) > 1,
                    kept, arrayResize(defined, length(kept))))
        """,
    ),
    "stages": (
        "the stage announced last against the one recomputed from interactions",
        """
        WITH
            (SELECT arrayMap(row -> row.2, arraySort(groupArray((position, half_life_s)))) FROM model_stages FINAL WHERE model = {model:String}) AS half_lives,
            (SELECT arrayMap(row -> row.2, arraySort(groupArray((position, threshold)))) FROM model_stages FINAL WHERE model = {model:String}) AS thresholds,
            indexOf(['attention', 'attraction', 'affinity', 'audience', 'advocacy'], announced) AS stood,
            ifNull(scores[stood], 0) * exp2(dateDiff('microsecond', last_seen, {at:DateTime64(6, 'UTC')}) / (half_lives[stood] * 1000000)) AS last_score
        SELECT brand, customer, announced, recomputed FROM
        (
            SELECT brand, customer, toString(argMax(to_stage, sequence)) AS announced
            FROM stage_changes WHERE intHash64(customer) % {slices:UInt64} = {slice:UInt64} GROUP BY brand, customer HAVING announced != 'none'
        ) AS s
        FULL OUTER JOIN
        (
            SELECT brand, customer, if(stage = 'none', '', toString(stage)) AS recomputed, CAST(stage, 'Int8') AS position,
                [attention, attraction, affinity, audience, advocacy] AS scores, last_seen
            FROM standing_under(model = {model:String}, at = {at:DateTime64(6, 'UTC')}) WHERE intHash64(customer) % {slices:UInt64} = {slice:UInt64}
        ) AS r USING (brand, customer)
        WHERE announced != recomputed
            AND NOT ({workers:Bool} AND stood > position AND last_score >= thresholds[stood] * (1 - 2e-9))
            AND (brand, customer) NOT IN (SELECT brand, customer FROM touchpoints WHERE time > {at:DateTime64(6, 'UTC')})
        """,
    ),
}
