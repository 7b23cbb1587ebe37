-- Who is this person, how much care have they used, and which rules flag them?
SELECT
    p.family_name, array_join(p.given_names, ' ') AS given_names, p.name_text, p.birth_on, p.birth_precision, p.gender,
    p.birth_sex, p.is_deceased, p.deceased_at, p.identifiers, p.replaced_by_patient_id,
    s.as_of_on, s.age_years, s.last_encounter_at, s.encounters_last_12_months, s.inpatient_stays_last_12_months,
    s.emergency_visits_last_12_months, s.active_medicines, s.active_conditions, s.charlson_index,
    s.charlson_missing_reason, s.charlson_categories, s.conditions_without_icd10, s.has_many_emergency_visits,
    s.has_many_inpatient_stays, s.has_polypharmacy, s.has_high_comorbidity, s.has_high_blood_pressure, g.records
FROM lake.silver.patient AS p
LEFT JOIN lake.gold.patient_summary AS s ON s.patient_id = p.patient_id
LEFT JOIN lake.gold.person AS g ON g.patient_id = p.patient_id
WHERE p.patient_id = :patient AND NOT p.is_deleted
