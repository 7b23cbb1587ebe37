-- Which twenty laboratory tests are most often outside the reference range that came with them?
SELECT
    loinc_code,
    min(code_text) AS code_text,
    count(*) AS results_with_range,
    count_if(value < reference_low OR value > reference_high) AS outside
FROM lake.silver.lab_result
WHERE NOT is_deleted
    AND NOT is_withdrawn
    AND value IS NOT NULL
    AND (reference_low IS NOT NULL OR reference_high IS NOT NULL)
GROUP BY 1
ORDER BY 4 DESC, 3 DESC, 1
LIMIT 20
