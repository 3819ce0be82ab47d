-- Who is unhappy with us, where, since when, and by which act?
-- parts: post-sale support, two-way communication
-- brand = lumiere
-- at = 2026-11-17
-- More speaks against the brand than for it, as it has faded by then: for the support team, the unhappiest first.
SELECT
    customer,
    place,
    round(affinity, 2) AS affinity,
    round(advocacy, 2) AS advocacy,
    toDate(last_at) AS day,
    last_type AS what,
    last_product AS product,
    last_rating AS rated,
    last_sentiment AS sentiment,
    open_tickets
FROM unhappy_customers(at = {at:DateTime64(6, 'UTC')})
WHERE brand = {brand:String}
ORDER BY balance, customer
LIMIT 10
