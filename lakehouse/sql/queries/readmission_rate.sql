-- How many index stays of each month of discharge were followed by an unplanned readmission within 30 days?
SELECT
    date_format(discharged_on, '%Y-%m') AS month,
    count(*) AS index_stays,
    count_if(is_readmitted) AS readmissions,
    round(100.0 * count_if(is_readmitted) / count(*), 1) AS readmitted_pct
FROM lake.gold.readmission
WHERE is_index
GROUP BY 1
ORDER BY 1
