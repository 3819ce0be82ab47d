-- How much do paid, owned and earned media bring us?
-- parts: media plan
-- brand = lumiere
-- at = 2026-11-17
-- Paid: touches of a campaign on a network. Earned: what others said, shared or answered, and what that brought. Owned:
-- our pages, shops, mails and support. First and last are of customers who bought, by their first order.
WITH
    touches AS
    (
        SELECT customer, source, id, time, revenue,
            multiIf(
                cause != '' OR type IN ('social.share', 'social.user_content', 'social.comment', 'web.review', 'community.post', 'community.answer'), 'earned',
                channel = 'social' AND campaign != '', 'paid',
                'owned') AS medium
        FROM touchpoints
        WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}
    ),
    buyers AS (SELECT customer, min(time) AS bought_at FROM touches WHERE revenue > 0 GROUP BY customer),
    ways AS
    (
        SELECT customer, argMin(medium, (time, source, id)) AS first_medium, argMax(medium, (time, source, id)) AS last_medium
        FROM touches
        INNER JOIN buyers USING (customer)
        WHERE time < bought_at
        GROUP BY customer
    )
SELECT m.medium AS medium, m.touches AS touches, m.customers AS customers, f.first_touch AS buyers_met_first, l.last_touch AS buyers_met_last
FROM (SELECT medium, count() AS touches, uniqExact(customer) AS customers FROM touches GROUP BY medium) AS m
LEFT JOIN (SELECT first_medium AS medium, count() AS first_touch FROM ways GROUP BY medium) AS f ON f.medium = m.medium
LEFT JOIN (SELECT last_medium AS medium, count() AS last_touch FROM ways GROUP BY medium) AS l ON l.medium = m.medium
ORDER BY touches DESC, medium
