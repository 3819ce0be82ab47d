-- Which of our best buyers are angry with us, and what about?
-- parts: post-sale support, loyalty
-- brand = lumiere
-- at = 2026-11-17
-- currency = EUR
-- More speaks against the brand than for it, and they brought as much as the best quarter of buyers: the audience angry-and-worth-most as of then.
SELECT
    j.customer AS customer,
    j.revenue[{currency:String}] AS brought,
    j.stage AS stage,
    round(u.balance, 2) AS balance,
    toDate(u.last_at) AS day,
    u.last_type AS what,
    u.last_product AS product,
    u.open_tickets AS open_tickets
FROM journeys_at(at = {at:DateTime64(6, 'UTC')}) AS j
INNER JOIN unhappy_customers(at = {at:DateTime64(6, 'UTC')}) AS u ON u.brand = j.brand AND u.customer = j.customer
WHERE j.brand = {brand:String} AND j.revenue[{currency:String}] > 0
    AND j.revenue[{currency:String}] >=
    (
        SELECT quantileExact(0.75)(revenue[{currency:String}])
        FROM journeys_at(at = {at:DateTime64(6, 'UTC')})
        WHERE brand = {brand:String} AND revenue[{currency:String}] > 0
    )
ORDER BY brought DESC, customer
LIMIT 10
