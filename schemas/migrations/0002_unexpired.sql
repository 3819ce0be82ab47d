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

-- A deletion marks rows. The columns of other rows stay as they are; the orders that ClickHouse keeps beside them are
-- made again.
ALTER TABLE interactions
    MODIFY SETTING lightweight_mutation_projection_mode = 'rebuild';
