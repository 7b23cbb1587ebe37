-- Which conditions are on record of this person, and which of them are there now? Refuted ones are left out.
SELECT
    coalesce(
        code_text, CASE WHEN cardinality(codes) > 0 THEN coalesce(codes[1].display, codes[1].code) END, 'not told'
    ) AS name,
    coalesce(icd10cm_code, icd10_code) AS icd10_code,
    clinical_status,
    onset_at,
    abated_at,
    recorded_at,
    coalesce(clinical_status IN ('active', 'recurrence', 'relapse'), abated_at IS NULL) AS is_active
FROM lake.silver.condition
WHERE patient_id = :patient AND NOT is_deleted AND is_asserted
ORDER BY is_active DESC, coalesce(onset_at, recorded_at) DESC NULLS LAST, name
LIMIT 500
