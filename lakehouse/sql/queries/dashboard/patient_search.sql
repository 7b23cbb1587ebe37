-- Which people have all these words in their name, an identifier that begins with the text, or this birth date?
WITH people AS (
    SELECT
        p.patient_id,
        p.family_name,
        array_join(p.given_names, ' ') AS given_names,
        p.name_text,
        p.birth_on,
        p.birth_precision,
        p.gender,
        p.is_deceased,
        p.replaced_by_patient_id IS NOT NULL AS is_replaced,
        p.identifiers,
        lower(concat_ws(' ', array_join(p.given_names, ' '), p.family_name, p.name_text)) AS name
    FROM lake.silver.patient AS p
    WHERE NOT p.is_deleted
)
SELECT
    p.patient_id, p.family_name, p.given_names, p.name_text, p.birth_on, p.birth_precision, p.gender, p.is_deceased,
    p.is_replaced, s.last_encounter_at
FROM people AS p
LEFT JOIN lake.gold.patient_summary AS s ON s.patient_id = p.patient_id
WHERE (
        :word1 IS NOT NULL AND strpos(p.name, lower(:word1)) > 0
        AND (:word2 IS NULL OR strpos(p.name, lower(:word2)) > 0)
        AND (:word3 IS NULL OR strpos(p.name, lower(:word3)) > 0)
    )
    OR any_match(p.identifiers, i -> strpos(lower(i.value), lower(:word1)) = 1 AND :word2 IS NULL)
    OR p.birth_on = :born
ORDER BY p.family_name, p.given_names, p.birth_on, p.patient_id
LIMIT 51
