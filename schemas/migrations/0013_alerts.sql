-- Alerts on spikes of advocacy, and the views and columns that they are computed from.

-- A projection: a second order of the few columns that a query of the last minutes needs, which ClickHouse keeps with
-- each part. It is exact whenever `interactions` is, needs no watermark, and follows every deletion. It adds 3 % to
-- the time of an insert.
ALTER TABLE interactions
    ADD PROJECTION IF NOT EXISTS by_time (SELECT time, brand, type, handle, place, product, content, rating, sentiment, amount ORDER BY time);

-- The advocacy touches of a period: interactions to which the model gives weight for the stage Advocacy. `direction`
-- is the sign of the weight of all matching rules together. A touch that takes back another (social.unshare and the
-- like) does not count, and neither does the touch that it takes back: the latest one before it, of the same handle,
-- area and content, that was not yet taken back. So a share, an Undo and a share again count as one. The look-up of
-- customers is limited to the handles of the period.
CREATE VIEW advocacy_touches
AS WITH
    (SELECT groupArray((type, weight, rating_min, rating_max, sentiment_min, sentiment_max, amount_min, amount_max, mood, negative_sentiment, negative_rating)) FROM model_weights FINAL WHERE model = {model:String} AND stage = 'advocacy' AND weight != 0) AS rules,
    arrayMap(r -> r.1, rules) AS patterns,
    arrayMap(_ -> 1, rules) AS yes,
    (SELECT channels FROM model_in_force) AS channel_of,
    map('unshare', 'share', 'unreview', 'review', 'withdrawn_content', 'user_content', 'unlike', 'like', 'uncomment', 'comment', 'unfollow', 'follow', 'leave', 'join', 'unimpression', 'impression', 'undo_check_in', 'check_in') AS reversed
SELECT
    t.brand AS brand,
    c.customer AS customer,
    t.handle AS handle,
    t.time AS time,
    toLowCardinality(if(t.weighed > 0, 'for', 'against')) AS direction,
    t.weighed AS weight,
    t.type AS type,
    transform(substringIndex(t.type, '.', 1), mapKeys(channel_of), mapValues(channel_of), 'other') AS channel,
    t.place AS place,
    t.product AS product,
    t.content AS content
FROM
(
    SELECT *, min(toNullable(standing)) OVER (PARTITION BY brand, handle, done, content ORDER BY time, undoes ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS later
    FROM
    (
        SELECT *, sum(if(undoes, -1, 1)) OVER (PARTITION BY brand, handle, done, content ORDER BY time, undoes ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS standing
        FROM
        (
            SELECT brand, time, type, handle, place, product, content,
                substringIndex(type, '.', -1) AS verb,
                transform(verb, mapKeys(reversed), mapValues(reversed), '') AS undone,
                undone != '' AS undoes,
                if(undoes, concat(substringIndex(type, '.', 1), '.', undone), toString(type)) AS done,
                arrayFilter(r -> r.1 = toString(type) OR r.1 = concat('*.', verb), rules) AS of_type,
                arraySum(r -> if((r.3 IS NULL OR rating >= r.3) AND (r.4 IS NULL OR rating <= r.4)
                    AND (r.5 IS NULL OR sentiment >= r.5) AND (r.6 IS NULL OR sentiment <= r.6)
                    AND (r.7 IS NULL OR toFloat64(amount) >= r.7) AND (r.8 IS NULL OR toFloat64(amount) <= r.8)
                    AND (r.9 = '' OR (r.9 = 'negative') = (ifNull(sentiment <= r.10, false) OR ifNull(rating <= r.11, false))), r.2, 0.), of_type) AS weighed
            FROM interactions
            WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')} AND NOT startsWith(type, 'identity.')
                AND (undoes OR transform(type, patterns, yes, 0) OR transform(concat('*.', verb), patterns, yes, 0))
        )
    )
) AS t
INNER JOIN
(
    SELECT handle, argMax(customer, version) AS customer
    FROM identity_map
    WHERE handle IN (SELECT handle FROM interactions WHERE time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')})
    GROUP BY handle
) AS c ON c.handle = t.handle
WHERE NOT t.undoes AND t.weighed != 0 AND (t.later IS NULL OR t.later >= t.standing)
COMMENT 'advocacy_touches(model = hash, since = time, until = time): praise and attacks, each with its customer';

-- Distinct customers by minute, direction and scope. A customer counts in a minute when they had no touch in the hour
-- before (same brand, direction and scope), so a customer who posts fifty times in a row counts once. The counts are a
-- function of the set of touches, so repeats and order do not matter. The minutes of the first hour after `since` may
-- count a customer twice.
CREATE VIEW advocates_by_minute
AS SELECT brand, direction, kind, value, minute, count() AS people
FROM
(
    SELECT brand, direction, kind, value, minute,
        lagInFrame(toNullable(minute), 1) OVER (PARTITION BY brand, direction, kind, value, customer ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
    FROM
    (
        SELECT DISTINCT brand, direction, scope.1 AS kind, scope.2 AS value, customer, fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Micro(time) / 60000000) * 60), 'UTC') AS minute
        FROM
        (
            SELECT brand, direction, customer, time,
                arrayJoin(arrayFilter(s -> s.1 = 'brand' OR s.2 != '', [('brand', ''), ('channel', toString(channel)), ('place', toString(place)), ('product', product), ('content', content)])) AS scope
            FROM advocacy_touches(model = {model:String}, since = {since:DateTime64(6, 'UTC')}, until = {until:DateTime64(6, 'UTC')})
        )
    )
)
WHERE before IS NULL OR dateDiff('second', before, minute) > 3600
GROUP BY brand, direction, kind, value, minute
COMMENT 'advocates_by_minute(model = hash, since = time, until = time): distinct customers, heard anew in an hour';

-- Every change of every alert, once; the newest row of an alert is its current state. ORDER BY keeps the rows of an
-- alert together. A change is written in one insert; when the outcome of the insert is in doubt, it is read back.
CREATE TABLE alerts
(
    alert        String                         COMMENT 'Id of the alert: one for an event in the world',
    sequence     UInt64                         COMMENT 'Number of the change among all changes, from 1; also the order of delivery',
    change       LowCardinality(String)         COMMENT 'opened, grew, resolved, reopened or acknowledged',
    at           DateTime64(6, 'UTC')           COMMENT 'When it changed',
    brand        LowCardinality(String)         COMMENT 'Brand; empty for a rule about all',
    direction    LowCardinality(String)         COMMENT 'for (praise) or against (attack); the rule of a stage alert',
    kind         LowCardinality(String)         COMMENT 'Narrowest scope that explains it: content, product, place, channel, brand, or rule',
    value        String                         COMMENT 'Which one; empty for the brand',
    state        LowCardinality(String)         COMMENT 'open or resolved',
    severity     LowCardinality(String)         COMMENT 'notice, warning or critical',
    since        DateTime64(6, 'UTC')           COMMENT 'First minute of the event',
    last_hot     DateTime64(6, 'UTC')           COMMENT 'Latest minute that stood out',
    people       Float64                        COMMENT 'Distinct customers since then; the figure of a stage alert',
    expected     Float64                        COMMENT 'Customers that were to be expected meanwhile; the threshold of a stage alert',
    acknowledged String                         COMMENT 'Who took it on; empty for nobody',
    silenced     Bool                           COMMENT 'Whether a silence held it back from receivers',
    reason       String                         COMMENT 'What carries it, as JSON; no personal values'
)
ENGINE = MergeTree ORDER BY (alert, sequence)
COMMENT 'Alerts, every change of each';

-- People write these rows through the commands; the process that watches applies them.
CREATE TABLE alert_marks
(
    mark      LowCardinality(String)            COMMENT 'ack (an alert is taken on) or silence (a scope sends nothing for a while)',
    alert     String                            COMMENT 'Alert that is acknowledged; empty for a silence',
    brand     LowCardinality(String)            COMMENT 'Brand that is silenced; empty for every one',
    direction LowCardinality(String)            COMMENT 'Direction or rule that is silenced; empty for all',
    value     String                            COMMENT 'Scope that is silenced; empty for all',
    until     DateTime64(6, 'UTC')              COMMENT 'End of the silence',
    by        String                            COMMENT 'Who said so',
    set_at    DateTime64(6, 'UTC')              COMMENT 'When'
)
ENGINE = ReplacingMergeTree ORDER BY (mark, alert, brand, direction, value, set_at)
COMMENT 'Acknowledgements and silences';

-- Progress of each receiver. The table alerts is the outbox: a change that has no row here is still to be sent.
CREATE TABLE alert_deliveries
(
    receiver String                             COMMENT 'Name of the receiver in the file',
    sequence UInt64                             COMMENT 'Change that it took, or will never take',
    outcome  LowCardinality(String)             COMMENT 'delivered, refused or expired',
    attempts UInt32                             COMMENT 'Times it was sent',
    detail   String                             COMMENT 'What the receiver answered last; empty when delivered',
    at       DateTime64(6, 'UTC')               COMMENT 'When that was known'
)
ENGINE = ReplacingMergeTree(at) ORDER BY (receiver, sequence)
COMMENT 'Which changes reached which receiver';

-- Figures that rules have found; a rule compares a figure with an earlier one. A figure that is written twice counts
-- once.
CREATE TABLE alert_figures
(
    rule   LowCardinality(String)               COMMENT 'Name of the rule in the file',
    brand  LowCardinality(String)               COMMENT 'Brand that the figure is of; empty for all',
    label  LowCardinality(String)               COMMENT 'Which figure of the rule; empty where there is one for a brand',
    at     DateTime64(6, 'UTC')                 COMMENT 'When it was looked at',
    figure Float64                              COMMENT 'What it was'
)
ENGINE = ReplacingMergeTree ORDER BY (rule, brand, label, at) TTL toDateTime(at) + INTERVAL 100 DAY
COMMENT 'Figures that rules of alerts have found, for a hundred days'
