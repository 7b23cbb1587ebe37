-- How many doses of each vaccine (CVX code) were given in each year?
SELECT
    year(occurred_at) AS year,
    cvx_code,
    min(code_text) AS code_text,
    count(*) AS doses
FROM lake.silver.immunization
WHERE NOT is_deleted
    AND is_done
    AND occurred_at IS NOT NULL
GROUP BY 1, 2
ORDER BY 1, 4 DESC, 2
