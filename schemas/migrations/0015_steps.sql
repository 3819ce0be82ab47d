-- The rows behind figures, one by one: a reader of a sum can list the customers behind it, for any period.

-- Each touch with the touch before it, of the same customer and brand, as in channel_switches. The touch before may be
-- older than the period of a query. Each customer's path is sorted by itself, which takes two thirds of the time of a
-- window function, since that sorts all paths at once.
CREATE VIEW channel_steps
AS SELECT
    brand,
    customer,
    step.2.1 AS time,
    step.2.4 AS event,
    step.1.5 AS from_channel,
    step.2.5 AS to_channel,
    step.2.6 AS place,
    (toUnixTimestamp64Micro(step.2.1) - toUnixTimestamp64Micro(step.1.1)) / 1000000 AS gap_s
FROM
(
    SELECT brand, customer, arraySort(groupArray((time, source, id, event, channel, place))) AS path
    FROM touchpoints
    GROUP BY brand, customer
)
ARRAY JOIN arrayZip(arrayPopBack(path), arrayPopFront(path)) AS step
COMMENT 'Every touch that follows another of the same customer, with the channel of both';

-- The purchases that showrooming and webrooming count, by the same rules, each with its customer and its look.
CREATE VIEW looked_then_bought
AS SELECT
    bought.brand AS brand,
    CAST(bought.way, 'Enum8(\'showrooming\' = 1, \'webrooming\' = 2)') AS way,
    if(bought.way = 1, seen.place, bought.place) AS place,
    bought.product AS product,
    bought.customer AS customer,
    seen.time AS looked_at,
    bought.time AS bought_at,
    bought.event AS event,
    assumeNotNull(bought.revenue) AS revenue,
    bought.currency AS currency
FROM
(
    SELECT brand, customer, product, place, time, event, currency, revenue, if(channel = 'store', 2, 1) AS way
    FROM touchpoints
    WHERE product != '' AND revenue > 0
) AS bought
ASOF INNER JOIN
(
    SELECT brand, customer, product, time, if(channel = 'store', 1, 2) AS way, argMax(place, (source, id, event)) AS place
    FROM touchpoints
    WHERE product != '' AND channel IN ('store', 'web', 'social', 'direct', 'support') AND ifNull(revenue, 0) = 0
    GROUP BY brand, customer, product, time, way
) AS seen
ON seen.brand = bought.brand AND seen.customer = bought.customer AND seen.product = bought.product AND seen.way = bought.way AND seen.time < bought.time
WHERE toUnixTimestamp64Micro(bought.time) - toUnixTimestamp64Micro(seen.time) <= {window_days:UInt32} * 86400000000
COMMENT 'looked_then_bought(window_days = n): purchases within n days of a look at the product on the other side of the counter';

-- Touches on content, and whether each engages, as in zombies: the model in force gives its type a positive weight for
-- a stage above attention, or it brings revenue.
CREATE VIEW content_touches
AS WITH
    (
        SELECT groupUniqArray(toString(type))
        FROM model_weights FINAL
        WHERE model = (SELECT model FROM model_in_force) AND weight > 0 AND stage NOT IN ('none', 'attention')
    ) AS engaging,
    arrayMap(_ -> 1, engaging) AS yes
SELECT
    brand,
    content,
    customer,
    time,
    event,
    type,
    channel,
    CAST(transform(type, engaging, yes, 0) OR transform(concat('*.', substringIndex(type, '.', -1)), engaging, yes, 0) OR ifNull(revenue > 0, false), 'Bool') AS engaged,
    revenue,
    currency
FROM touchpoints
WHERE content != ''
COMMENT 'Touches that name a post, page, mail or ad, and whether each engages with it';

ALTER TABLE channel_steps
    COMMENT COLUMN brand        'Brand',
    COMMENT COLUMN customer     'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN time         'When the later touch happened',
    COMMENT COLUMN event        'Key of the later touch',
    COMMENT COLUMN from_channel 'Channel of the touch before',
    COMMENT COLUMN to_channel   'Channel of the later touch',
    COMMENT COLUMN place        'Store of the later touch; empty without one',
    COMMENT COLUMN gap_s        'Seconds between them';

ALTER TABLE content_touches
    COMMENT COLUMN brand    'Brand',
    COMMENT COLUMN content  'Post, page, mail or ad',
    COMMENT COLUMN customer 'Customer: the smallest handle id of those that are one person',
    COMMENT COLUMN time     'When it happened',
    COMMENT COLUMN event    'Key of the touch',
    COMMENT COLUMN type     'What happened, as area.verb',
    COMMENT COLUMN channel  'social, web, store, support, direct or other, by the model in force',
    COMMENT COLUMN engaged  'Whether it engages',
    COMMENT COLUMN revenue  'Revenue, negative where it is given back; NULL without amount',
    COMMENT COLUMN currency 'ISO 4217; empty without amount'
