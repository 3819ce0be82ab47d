-- Do we have a conversation, or do we only send? Who speaks with us, and does anybody answer?
-- parts: two-way communication
-- brand = lumiere
-- at = 2026-11-17
-- By week: touches in which we speak, in which customers speak, and in which customers answer each other.
SELECT
    toStartOfWeek(time, 1) AS week,
    countIf(type IN ('social.impression', 'campaign.delivered')) AS we_spoke,
    countIf(type IN ('social.comment', 'support.ticket', 'support.csat', 'mail.nps', 'web.review', 'social.user_content', 'community.post')) AS they_spoke,
    countIf(type = 'community.answer') AS they_answered_each_other,
    uniqExactIf(customer, type IN ('social.comment', 'support.ticket', 'support.csat', 'mail.nps', 'web.review', 'social.user_content', 'community.post', 'community.answer')) AS customers_who_spoke,
    round(they_spoke / we_spoke, 3) AS words_back_for_one_of_ours
FROM touchpoints
WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}
GROUP BY week
ORDER BY week
