-- Which content do we still publish although nobody answers it any more?
-- parts: content
-- brand = lumiere
-- at = 2026-11-17
-- days = 14
-- Shown within the days before, and no like, comment, share, click or purchase on it in all that time. The view zombies
-- asks the same of now.
SELECT
    content,
    min(time) AS first_shown,
    countIf(time > {at:DateTime64(6, 'UTC')} - toIntervalDay({days:UInt32})) AS shown_lately,
    uniqExactIf(customer, time > {at:DateTime64(6, 'UTC')} - toIntervalDay({days:UInt32})) AS to_customers,
    countIf(type NOT IN ('social.impression', 'web.page_view', 'campaign.sent', 'campaign.delivered', 'web.scroll_depth')) AS ever_answered
FROM touchpoints
WHERE brand = {brand:String} AND content != '' AND time <= {at:DateTime64(6, 'UTC')}
GROUP BY content
HAVING shown_lately > 0
    AND first_shown < {at:DateTime64(6, 'UTC')} - toIntervalDay({days:UInt32})
    AND countIf(time > {at:DateTime64(6, 'UTC')} - toIntervalDay({days:UInt32})
        AND type NOT IN ('social.impression', 'web.page_view', 'campaign.sent', 'campaign.delivered', 'web.scroll_depth')) = 0
ORDER BY shown_lately DESC, content
LIMIT 12
