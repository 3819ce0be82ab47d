-- Which of our best buyers are angry with us, and what about?
-- parts: post-sale support, loyalty
-- brand = lumiere
-- at = 2026-11-17
-- More speaks against the brand than for it, and they brought as much as the best quarter of buyers: the audience angry-and-worth-most as of then.
-- Money is in the currency that most touches of the brand have.
WITH
    (
        SELECT argMax(currency, (n, currency))
        FROM
        (
            SELECT toString(currency) AS currency, count() AS n
            FROM touchpoints
            WHERE brand = {brand:String} AND currency != '' AND time <= {at:DateTime64(6, 'UTC')}
            GROUP BY currency
        )
    ) AS money
SELECT
    j.customer AS customer,
    j.revenue[money] AS brought,
    j.stage AS stage,
    round(u.balance, 2) AS balance,
    toDate(u.last_at) AS day,
    u.last_type AS what,
    u.last_product AS product,
    u.open_tickets AS open_tickets
FROM journeys_at(at = {at:DateTime64(6, 'UTC')}) AS j
INNER JOIN unhappy_customers(at = {at:DateTime64(6, 'UTC')}) AS u ON u.brand = j.brand AND u.customer = j.customer
WHERE j.brand = {brand:String} AND j.revenue[money] > 0
    AND j.revenue[money] >=
    (
        SELECT quantileExact(0.75)(revenue[money])
        FROM journeys_at(at = {at:DateTime64(6, 'UTC')})
        WHERE brand = {brand:String} AND revenue[money] > 0
    )
ORDER BY brought DESC, customer
LIMIT 10
