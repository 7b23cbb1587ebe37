-- How many living people have each Charlson index, and for how many can none be told, and why?
SELECT
    charlson_index,
    charlson_missing_reason,
    count(*) AS patients
FROM lake.gold.patient_summary
WHERE NOT is_deceased
    AND patient_id = person_id
GROUP BY 1, 2
ORDER BY 1, 2
