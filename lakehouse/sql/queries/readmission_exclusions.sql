-- Why do inpatient stays not count as an index for readmission?
SELECT
    exclusion_reason,
    count(*) AS stays
FROM lake.gold.readmission
WHERE NOT is_index
GROUP BY 1
ORDER BY 2 DESC, 1
