-- Which twenty laboratory tests are done most, in which unit, and what is the median value?
SELECT
    loinc_code,
    value_unit,
    min(code_text) AS code_text,
    count(*) AS results,
    count(DISTINCT patient_id) AS patients,
    round(approx_percentile(value, 0.5), 2) AS median_value
FROM lake.silver.lab_result
WHERE NOT is_deleted
    AND NOT is_withdrawn
    AND value IS NOT NULL
GROUP BY 1, 2
ORDER BY 4 DESC, 1, 2
LIMIT 20
