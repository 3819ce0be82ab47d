-- How soon do customers buy again, and where?
-- parts: loyalty
-- brand = lumiere
-- at = 2026-11-17
WITH orders AS
(
    SELECT customer, time, channel,
        lagInFrame(toString(channel)) OVER path AS before,
        lagInFrame(time) OVER path AS before_at
    FROM touchpoints
    WHERE brand = {brand:String} AND revenue > 0 AND time <= {at:DateTime64(6, 'UTC')}
    WINDOW path AS (PARTITION BY customer ORDER BY time, source, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    before AS bought_first_in,
    channel AS bought_again_in,
    count() AS orders,
    uniqExact(customer) AS customers,
    round(quantileExactInclusive(0.5)(dateDiff('second', before_at, time)) / 86400, 1) AS median_days
FROM orders
WHERE before != ''
GROUP BY before, channel
ORDER BY orders DESC, before, channel
