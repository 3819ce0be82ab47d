-- Do people whom word of mouth reached buy more than others?
-- parts: word of mouth
-- brand = lumiere
-- at = 2026-11-17
-- Reached: in a cascade that somebody else started. Revenue is that of the days since a customer was reached; of the
-- others, since their first touch. Read it as a difference, not as an effect: who is reached was not left to chance.
WITH reached AS
(
    SELECT customer, assumeNotNull(min(reached_at)) AS told_at
    FROM cascade_customers
    WHERE brand = {brand:String} AND NOT starts AND reached_at <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
)
SELECT
    if(told, 'reached by word of mouth', 'not reached') AS who,
    count() AS customers,
    round(avg(days), 1) AS days_watched,
    round(100 * countIf(orders > 0) / customers, 1) AS bought_percent,
    round(sum(orders) / sum(days) * 30, 2) AS orders_a_customer_and_month
FROM
(
    SELECT
        t.customer AS customer,
        max(r.customer) != 0 AS told,
        if(told, max(r.told_at), min(t.time)) AS since,
        greatest(1, dateDiff('second', since, {at:DateTime64(6, 'UTC')}) / 86400) AS days,
        arrayCount(x -> x >= since, groupArrayIf(t.time, ifNull(t.revenue, 0) > 0)) AS orders
    FROM touchpoints AS t
    LEFT JOIN reached AS r ON r.customer = t.customer
    WHERE t.brand = {brand:String} AND t.time <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
)
GROUP BY told
ORDER BY told DESC
