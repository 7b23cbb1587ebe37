-- What was billed in each month (UTC), by currency, and in how many claims?
SELECT
    date_format(created_at, '%Y-%m') AS month,
    total_currency,
    count(*) AS claims,
    sum(total_amount) AS billed
FROM lake.silver.claim
WHERE NOT is_deleted
    AND claim_use = 'claim'
    AND status = 'active'
    AND total_amount IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, 2
