-- What is the newest value of each laboratory test and vital sign of this person? The 60 measured last.
WITH results AS (
    SELECT 'laboratory' AS kind, loinc_code, codes, code_text, measurement, effective_at, value, value_unit,
        value_comparator, value_codes, value_code, value_text, value_boolean, value_low, value_high,
        interpretation_code, reference_low, reference_high, is_withdrawn, is_deleted, patient_id, observation_id
    FROM lake.silver.lab_result
    UNION ALL
    SELECT 'vital sign' AS kind, loinc_code, codes, code_text, measurement, effective_at, value, value_unit,
        value_comparator, value_codes, value_code, value_text, value_boolean, value_low, value_high,
        interpretation_code, reference_low, reference_high, is_withdrawn, is_deleted, patient_id, observation_id
    FROM lake.silver.vital_sign
),
told AS (
    SELECT
        r.*,
        coalesce(loinc_code, CASE WHEN cardinality(codes) > 0 THEN codes[1].code END, code_text) AS code,
        coalesce(code_text, CASE WHEN cardinality(codes) > 0 THEN codes[1].display END, loinc_code) AS name,
        coalesce(
            value_text,
            CASE WHEN cardinality(value_codes) > 0 THEN coalesce(value_codes[1].display, value_codes[1].code) END,
            CASE WHEN value_boolean THEN 'yes' WHEN NOT value_boolean THEN 'no' END
        ) AS words
    FROM results AS r
    WHERE patient_id = :patient AND NOT is_withdrawn AND NOT is_deleted
),
counted AS (
    SELECT
        t.*,
        row_number() OVER (PARTITION BY code ORDER BY effective_at DESC NULLS LAST, observation_id) AS place
    FROM told AS t
    WHERE code IS NOT NULL
        AND (value IS NOT NULL OR words IS NOT NULL OR value_low IS NOT NULL OR value_high IS NOT NULL)
)
SELECT
    kind, name, measurement, effective_at, value, value_unit, value_comparator, words, value_low, value_high,
    interpretation_code, reference_low, reference_high, count(*) OVER () AS tests
FROM counted
WHERE place = 1
ORDER BY effective_at DESC NULLS LAST, name
LIMIT 60
