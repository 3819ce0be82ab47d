-- On which day and at which hour do people engage with us, on each channel?
-- parts: media plan
-- brand = lumiere
-- at = 2026-11-17
-- The three busiest of each channel, in UTC; what people only see (impressions, mails delivered) is left out.
SELECT channel, day, from_hour, touches, customers
FROM
(
    SELECT
        channel,
        ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][toDayOfWeek(time)] AS day,
        3 * intDiv(toHour(time), 3) AS from_hour,
        count() AS touches,
        uniqExact(customer) AS customers
    FROM touchpoints
    WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}
        AND type NOT IN ('social.impression', 'campaign.sent', 'campaign.delivered', 'store.walk_by')
    GROUP BY channel, day, from_hour
)
ORDER BY channel, touches DESC, customers DESC, day, from_hour
LIMIT 3 BY channel
