-- Which allergies and intolerances are on record of this person, or that none is known?
SELECT
    coalesce(
        code_text, CASE WHEN cardinality(codes) > 0 THEN coalesce(codes[1].display, codes[1].code) END, 'not told'
    ) AS name,
    clinical_status,
    criticality,
    reaction_severity,
    array_join(transform(reactions, r -> r.display), ', ') AS reactions,
    onset_at,
    is_none_known
FROM lake.silver.allergy
WHERE patient_id = :patient AND NOT is_deleted AND NOT is_withdrawn
ORDER BY is_none_known, criticality = 'high' DESC NULLS LAST, name
LIMIT 100
