"""What verify compares: for each check, one query whose rows are drift; it looks at all of history, in SQL alone.

Parameters are `model`, `at` and, for the last check, `workers`: whether lapses are announced by workers, in their own
time. Then a customer may still be announced at a stage that she held at her last touch.
"""

__all__ = ["CHECKS", "MINUTE"]

MINUTE = "fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Micro(time) / 60000000) * 60), 'UTC')"  # of `time`

CHECKS: dict[str, tuple[str, str]] = {
    "unique": (
        "every event stands in interactions once",
        "SELECT event, count() AS times FROM interactions GROUP BY event HAVING times > 1",
    ),
    "books": (
        "received = stored + duplicates + dead letters, and stored and dead letters are there, or were erased",
        """
        SELECT * FROM
        (
            SELECT
                (SELECT sum(received) FROM deliveries) AS received,
                (SELECT sum(stored) FROM deliveries) AS stored,
                (SELECT sum(duplicates) FROM deliveries) AS duplicates,
                (SELECT sum(dead_letters) FROM deliveries) AS refused,
                (SELECT count() FROM interactions) AS interactions,
                (SELECT count() FROM dead_letters) AS letters,
                (SELECT sum(events) FROM erasures) AS erased,
                (SELECT sum(dead_letters) FROM erasures) AS erased_letters
        )
        WHERE received != stored + duplicates + refused OR stored != interactions + erased
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
                FROM evidence WHERE model = {model:String} GROUP BY brand, handle
            )
            ARRAY JOIN stages AS part
            WHERE part.2 IS NOT NULL
        ) AS s
        FULL OUTER JOIN
        (
            SELECT brand, handle, stage, sumOrNull(grown) AS recomputed, sum(abs(grown)) AS scale
            FROM touch_evidence(model = {model:String})
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
        f"""
        SELECT * FROM
            (SELECT brand, minute, type, sum(touches) AS streamed FROM minute_counts GROUP BY brand, minute, type) AS s
        FULL OUTER JOIN
            (
                SELECT brand, {MINUTE} AS minute, type, count() AS recomputed
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
        WITH
            (SELECT arrayMap(row -> row.2, arraySort(groupArray((position, half_life_s)))) FROM model_stages FINAL WHERE model = {model:String}) AS half_lives,
            (SELECT arrayMap(row -> row.2, arraySort(groupArray((position, threshold)))) FROM model_stages FINAL WHERE model = {model:String}) AS thresholds,
            indexOf(['attention', 'attraction', 'affinity', 'audience', 'advocacy'], announced) AS stood,
            ifNull(scores[stood], 0) * exp2(dateDiff('microsecond', last_seen, {at:DateTime64(6, 'UTC')}) / (half_lives[stood] * 1000000)) AS last_score
        SELECT brand, customer, announced, recomputed FROM
        (
            SELECT brand, customer, toString(argMax(to_stage, sequence)) AS announced
            FROM stage_changes GROUP BY brand, customer HAVING announced != 'none'
        ) AS s
        FULL OUTER JOIN
        (
            SELECT brand, customer, if(stage = 'none', '', toString(stage)) AS recomputed, CAST(stage, 'Int8') AS position,
                [attention, attraction, affinity, audience, advocacy] AS scores, last_seen
            FROM standing_under(model = {model:String}, at = {at:DateTime64(6, 'UTC')})
        ) AS r USING (brand, customer)
        WHERE announced != recomputed
            AND NOT ({workers:Bool} AND stood > position AND last_score >= thresholds[stood] * (1 - 2e-9))
            AND (brand, customer) NOT IN (SELECT brand, customer FROM touchpoints WHERE time > {at:DateTime64(6, 'UTC')})
        """,
    ),
}
