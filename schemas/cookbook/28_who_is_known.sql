-- How well do we know our customers, and on how many channels do we meet each?
-- parts: target insight
-- brand = lumiere
-- at = 2026-11-17
-- A customer is known when a handle that is a person's own was seen: user, e-mail, phone, card or social account. The
-- others are a browser or a device that nobody has signed in with yet.
SELECT
    if(known, 'known person', 'browser or device only') AS who,
    count() AS customers,
    round(avg(handles), 2) AS handles,
    round(avg(channels), 2) AS channels,
    round(100 * countIf(offline AND online) / customers, 1) AS met_online_and_in_shops_percent,
    round(avg(touches), 1) AS touches
FROM
(
    SELECT
        customer,
        hasAny(groupUniqArrayArray(kinds), ['user', 'email', 'phone', 'loyalty', 'social']) AS known,
        length(groupUniqArrayArray(handles)) AS handles,
        uniqExact(channel) AS channels,
        max(t.offline) AS offline,
        min(t.offline) = 0 AS online,
        count() AS touches
    FROM touchpoints AS t
    WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}
    GROUP BY customer
)
GROUP BY known
ORDER BY known DESC
