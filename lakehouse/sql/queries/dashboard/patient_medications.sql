-- Which medicines were ordered for this person, and which orders are active?
SELECT
    coalesce(
        code_text, CASE WHEN cardinality(codes) > 0 THEN coalesce(codes[1].display, codes[1].code) END, 'not told'
    ) AS name,
    status,
    status = 'active' AS is_active,
    authored_at,
    valid_to,
    array_join(dosage_texts, '; ') AS dosage
FROM lake.silver.medication_request
WHERE patient_id = :patient AND NOT is_deleted AND NOT is_not_to_be_given
    AND status NOT IN ('cancelled', 'entered-in-error', 'draft')
    AND intent NOT IN ('proposal', 'plan', 'option')
ORDER BY is_active DESC, authored_at DESC NULLS LAST, name
LIMIT 500
