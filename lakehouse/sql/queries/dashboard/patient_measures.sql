-- What has been measured of this person most often? The 12 codes and units with most numbers, the newest 500 of each.
WITH results AS (
    SELECT loinc_code, codes, code_text, measurement, effective_at, value, value_unit, value_comparator, reference_low,
        reference_high, is_withdrawn, is_deleted, patient_id
    FROM lake.silver.lab_result
    UNION ALL
    SELECT loinc_code, codes, code_text, measurement, effective_at, value, value_unit, value_comparator, reference_low,
        reference_high, is_withdrawn, is_deleted, patient_id
    FROM lake.silver.vital_sign
),
measured AS (
    SELECT
        coalesce(loinc_code, CASE WHEN cardinality(codes) > 0 THEN codes[1].code END, code_text) AS code,
        coalesce(code_text, CASE WHEN cardinality(codes) > 0 THEN codes[1].display END) AS name,
        measurement, effective_at, value, coalesce(value_unit, '') AS unit, value_comparator, reference_low,
        reference_high
    FROM results
    WHERE patient_id = :patient AND NOT is_withdrawn AND NOT is_deleted AND value IS NOT NULL
        AND effective_at IS NOT NULL
),
counted AS (
    SELECT
        m.*,
        count(*) OVER (PARTITION BY code, unit) AS measured,
        row_number() OVER (PARTITION BY code, unit ORDER BY effective_at DESC, value) AS place
    FROM measured AS m
    WHERE code IS NOT NULL
),
ranked AS (
    SELECT c.*, dense_rank() OVER (ORDER BY measured DESC, code, unit) AS chart
    FROM counted AS c
)
SELECT chart, code, name, measurement, unit, measured, effective_at, value, value_comparator, reference_low, reference_high
FROM ranked
WHERE chart <= 12 AND place <= 500
ORDER BY chart, effective_at, place DESC
