-- How many encounters of each class began in each month (UTC), and how many patients did they concern?
SELECT
    date_format(started_at, '%Y-%m') AS month,
    class_code,
    count(*) AS encounters,
    count(DISTINCT patient_id) AS patients
FROM lake.silver.encounter
WHERE NOT is_deleted
GROUP BY 1, 2
ORDER BY 1, 2
