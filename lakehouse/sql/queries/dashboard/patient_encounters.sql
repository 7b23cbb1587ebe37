-- Which contacts has this person had? The newest 500 that have taken place.
SELECT
    f.started_at, f.ended_at, f.class_code, f.is_inpatient, f.is_emergency, e.type_text,
    coalesce(f.primary_diagnosis_display, f.primary_diagnosis_code) AS diagnosis, f.facility_key,
    count(*) OVER () AS encounters
FROM lake.gold.encounter_fact AS f
LEFT JOIN lake.silver.encounter AS e ON e.encounter_id = f.encounter_id
WHERE f.patient_id = :patient AND f.has_taken_place AND f.started_at IS NOT NULL
ORDER BY f.started_at DESC, f.encounter_id
LIMIT 500
