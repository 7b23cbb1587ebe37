-- Which twenty conditions do the most patients have, by ICD-10-CM code or else SNOMED CT code?
SELECT
    coalesce(icd10cm_code, snomed_code) AS code,
    min(code_text) AS code_text,
    count(DISTINCT patient_id) AS patients
FROM lake.silver.condition
WHERE NOT is_deleted
    AND coalesce(icd10cm_code, snomed_code) IS NOT NULL
GROUP BY 1
ORDER BY 3 DESC, 1
LIMIT 20
