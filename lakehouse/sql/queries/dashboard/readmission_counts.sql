-- How many stays, index admissions and readmissions are there by month of discharge, service, facility, age, diagnosis
-- and outcome? Without a chosen day, stays without a day of discharge count too.
WITH ordered AS (
    SELECT
        r.*,
        lead(r.is_planned) OVER (PARTITION BY r.person_id ORDER BY r.started_at, r.encounter_id) AS next_is_planned,
        lead(r.started_on) OVER (PARTITION BY r.person_id ORDER BY r.started_at, r.encounter_id) AS next_started_on
    FROM lake.gold.readmission AS r
),
stays AS (
    SELECT
        date_format(o.discharged_on, '%Y-%m') AS month,
        o.is_index,
        coalesce(o.is_readmitted, false) AS is_readmitted,
        o.facility_key,
        coalesce(
            CASE WHEN cardinality(e.service_type_codes) > 0 THEN e.service_type_codes[1].display END,
            e.type_text, f.class_code, 'not told'
        ) AS service,
        CASE
            WHEN f.age_at_start_years IS NULL THEN 'not told'
            WHEN f.age_at_start_years < 18 THEN '0–17'
            WHEN f.age_at_start_years < 45 THEN '18–44'
            WHEN f.age_at_start_years < 65 THEN '45–64'
            WHEN f.age_at_start_years < 75 THEN '65–74'
            WHEN f.age_at_start_years < 85 THEN '75–84'
            ELSE '85+'
        END AS age,
        coalesce(o.primary_diagnosis_code, 'not told') AS diagnosis,
        max(l.primary_diagnosis_display) OVER (PARTITION BY o.primary_diagnosis_code) AS diagnosis_display,
        CASE
            WHEN NOT o.is_index THEN o.exclusion_reason
            WHEN o.is_readmitted THEN 'readmitted'
            WHEN o.next_is_planned AND date_diff('day', o.discharged_on, o.next_started_on) <= 30 THEN 'planned'
            ELSE 'none'
        END AS outcome
    FROM ordered AS o
    LEFT JOIN lake.gold.encounter_fact AS f ON f.encounter_id = o.encounter_id AND f.is_inpatient
    LEFT JOIN lake.gold.encounter_fact AS l ON l.encounter_id = o.encounter_ids[cardinality(o.encounter_ids)] AND l.is_inpatient
    LEFT JOIN lake.silver.encounter AS e ON e.encounter_id = o.encounter_id
    WHERE (:since IS NULL OR o.discharged_on >= :since)
        AND (:until IS NULL OR o.discharged_on <= :until)
        AND (:facility IS NULL OR o.facility_key = :facility)
)
SELECT
    CASE grouping(month, service, facility_key, age, diagnosis, outcome)
        WHEN 31 THEN 'month' WHEN 47 THEN 'service' WHEN 55 THEN 'facility'
        WHEN 59 THEN 'age' WHEN 61 THEN 'diagnosis' ELSE 'outcome'
    END AS kind,
    coalesce(month, service, facility_key, age, diagnosis, outcome) AS name,
    max(diagnosis_display) AS display,
    count(*) AS stays,
    count_if(is_index) AS index_stays,
    count_if(is_readmitted) AS readmitted
FROM stays
WHERE :age IS NULL OR age = :age
GROUP BY GROUPING SETS ((month), (service), (facility_key), (age), (diagnosis), (outcome))
ORDER BY kind, name
