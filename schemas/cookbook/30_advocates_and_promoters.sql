-- How many speak for us and against us, week by week, and what promoter score do those give whom we ask?
-- parts: advocacy, metrics
-- brand = lumiere
-- at = 2026-11-17
-- Different customers by the sign of what the model weighs for Advocacy. The promoter score is of those who were asked:
-- percent of 9 and 10, less percent of 0 to 6.
WITH voices AS
(
    SELECT customer, time, weight
    FROM advocacy_touches(model = (SELECT model FROM model_in_force), since = '2000-01-01 00:00:00', until = {at:DateTime64(6, 'UTC')})
    WHERE brand = {brand:String}
)
SELECT v.week AS week, v.for_us AS for_us, v.against_us AS against_us, v.newly_for_us AS for_us_first_time, n.asked AS asked, if(n.asked = 0, NULL, n.score) AS promoter_score
FROM
(
    SELECT toStartOfWeek(time, 1) AS week, uniqExactIf(customer, weight > 0) AS for_us, uniqExactIf(customer, weight < 0) AS against_us,
        uniqExactIf(customer, weight > 0 AND time = first_at) AS newly_for_us
    FROM (SELECT customer, time, weight, minIf(time, weight > 0) OVER (PARTITION BY customer) AS first_at FROM voices)
    GROUP BY week
) AS v
LEFT JOIN
(
    SELECT toStartOfWeek(time, 1) AS week, count() AS asked, round(100 * (countIf(rating >= 9) - countIf(rating <= 6)) / asked) AS score
    FROM touchpoints
    WHERE brand = {brand:String} AND type LIKE '%.nps' AND time <= {at:DateTime64(6, 'UTC')}
    GROUP BY week
) AS n ON n.week = v.week
ORDER BY week
