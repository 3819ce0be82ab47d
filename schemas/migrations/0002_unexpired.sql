-- The interactions that count while others expire. This file sorts before the files of the views that read it.

CREATE VIEW horizons
AS SELECT brand, max(horizon) AS horizon
FROM expiries
GROUP BY brand
COMMENT 'Brands whose earlier interactions have expired, and up to when';

-- Between the moment at which interactions expire and the end of their deletion, they are left out here: their sums
-- count from that moment on. At all other times the list is empty and the condition costs nothing.
CREATE VIEW interactions_kept
AS WITH
    (
        SELECT groupArray((toString(brand), horizon, part, upto))
        FROM expiries
        WHERE number NOT IN (SELECT number FROM expiries WHERE state = 'deleted')
    ) AS expiring
SELECT
    event, time, brand, type, source, id, handle, handles, kinds, content, product, place, campaign, device, amount, currency,
    rating, sentiment, cause, properties, _partition, _offset
FROM interactions
WHERE empty(expiring) OR NOT arrayExists(e -> e.1 = brand AND e.2 > time AND e.3 = _partition AND e.4 >= _offset, expiring)
COMMENT 'Interactions without those that have expired and are being deleted';

ALTER TABLE horizons
    COMMENT COLUMN brand   'Brand',
    COMMENT COLUMN horizon 'Interactions before this instant have expired: what they gave is in sums';

ALTER TABLE interactions_kept
    COMMENT COLUMN event      'Key of the event: hash of source, id and primary handle; unique',
    COMMENT COLUMN time       'When it happened',
    COMMENT COLUMN brand      'Brand that the customer interacted with',
    COMMENT COLUMN type       'What happened, as area.verb; the area gives the channel',
    COMMENT COLUMN source     'Producer of the event',
    COMMENT COLUMN id         'Id that the producer gave; the event is unique by source, id and handle',
    COMMENT COLUMN handle     'Primary handle: evidence belongs to it. Customers are looked up',
    COMMENT COLUMN handles    'Every handle that the event names, the primary first',
    COMMENT COLUMN kinds      'Kind of each of the handles: user, email, phone, ...',
    COMMENT COLUMN content    'Post, page, mail or ad; empty without one',
    COMMENT COLUMN product    'Product; empty without one',
    COMMENT COLUMN place      'Store, restaurant, counter; empty without one',
    COMMENT COLUMN campaign   'Campaign; empty without one',
    COMMENT COLUMN device     'Device class; empty without one',
    COMMENT COLUMN amount     'Money in currency, as it was given',
    COMMENT COLUMN currency   'ISO 4217; empty without amount',
    COMMENT COLUMN rating     'Stars, CSAT or NPS, 0 to 10',
    COMMENT COLUMN sentiment  '-1 to 1',
    COMMENT COLUMN cause      'Id of the event, or share code, that brought this one',
    COMMENT COLUMN properties 'Anything else, as JSON; empty without any',
    COMMENT COLUMN _partition 'Partition of the log',
    COMMENT COLUMN _offset    'Offset of the frame in the log; where the event was seen first';

-- 0023_deleted_rows.sql replaces this setting.
ALTER TABLE interactions
    MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';
