-- Which stays count as index admissions, which do not and why, and what followed? The last 1,000 by day of discharge.
WITH ordered AS (
    SELECT
        r.*,
        lead(r.is_planned) OVER (PARTITION BY r.person_id ORDER BY r.started_at, r.encounter_id) AS next_is_planned,
        lead(r.started_on) OVER (PARTITION BY r.person_id ORDER BY r.started_at, r.encounter_id) AS next_started_on
    FROM lake.gold.readmission AS r
),
stays AS (
    SELECT
        o.*,
        f.age_at_start_years,
        coalesce(l.primary_diagnosis_display, o.primary_diagnosis_code) AS diagnosis,
        n.started_on AS readmitted_on,
        n.facility_key AS readmission_facility_key,
        coalesce(m.primary_diagnosis_display, n.primary_diagnosis_code) AS readmission_diagnosis,
        CASE
            WHEN f.age_at_start_years IS NULL THEN 'not told'
            WHEN f.age_at_start_years < 18 THEN '0–17'
            WHEN f.age_at_start_years < 45 THEN '18–44'
            WHEN f.age_at_start_years < 65 THEN '45–64'
            WHEN f.age_at_start_years < 75 THEN '65–74'
            WHEN f.age_at_start_years < 85 THEN '75–84'
            ELSE '85+'
        END AS age,
        CASE
            WHEN NOT o.is_index THEN o.exclusion_reason
            WHEN o.is_readmitted THEN 'readmitted'
            WHEN o.next_is_planned AND date_diff('day', o.discharged_on, o.next_started_on) <= 30 THEN 'planned'
            ELSE 'none'
        END AS outcome
    FROM ordered AS o
    LEFT JOIN lake.gold.encounter_fact AS f ON f.encounter_id = o.encounter_id AND f.is_inpatient
    LEFT JOIN lake.gold.encounter_fact AS l ON l.encounter_id = o.encounter_ids[cardinality(o.encounter_ids)] AND l.is_inpatient
    LEFT JOIN lake.gold.readmission AS n ON n.encounter_id = o.readmission_encounter_id
    LEFT JOIN lake.gold.encounter_fact AS m ON m.encounter_id = n.encounter_ids[cardinality(n.encounter_ids)] AND m.is_inpatient
    WHERE (:since IS NULL OR o.discharged_on >= :since)
        AND (:until IS NULL OR o.discharged_on <= :until)
        AND (:facility IS NULL OR o.facility_key = :facility)
        AND (:diagnosis IS NULL OR coalesce(o.primary_diagnosis_code, 'not told') = :diagnosis)
)
SELECT
    patient_id, started_on, discharged_on, age_at_start_years, facility_key, diagnosis, outcome, days_to_readmission,
    readmitted_on, readmission_facility_key, readmission_diagnosis
FROM stays
WHERE (:age IS NULL OR age = :age)
    AND (
        :outcome IS NULL OR outcome = :outcome
        OR (:outcome = 'stays') OR (:outcome = 'index' AND is_index) OR (:outcome = 'excluded' AND NOT is_index)
    )
ORDER BY discharged_on DESC NULLS LAST, started_on DESC, patient_id
LIMIT 1000
