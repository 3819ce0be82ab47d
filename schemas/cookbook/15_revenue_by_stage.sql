-- How much revenue comes from customers at each stage, and how much from each of them?
-- parts: metrics, value proposition
-- brand = lumiere
-- at = 2026-11-17
-- Stage as it was at that moment; revenue up to then, refunds taken off.
SELECT
    stage,
    count() AS customers,
    countIf(length(revenue) > 0) AS buyers,
    sumMap(revenue) AS revenue_by_currency,
    round(sum(revenue['EUR']) / customers, 2) AS eur_a_customer
FROM journeys_at(at = {at:DateTime64(6, 'UTC')})
WHERE brand = {brand:String}
GROUP BY stage
ORDER BY stage
