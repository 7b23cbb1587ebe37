-- How many living people bear each risk flag? A flag that cannot be told counts as not known.
SELECT
    count(*) AS patients,
    count_if(has_many_emergency_visits) AS many_emergency_visits,
    count_if(has_many_inpatient_stays) AS many_inpatient_stays,
    count_if(has_polypharmacy) AS polypharmacy,
    count_if(has_high_comorbidity) AS high_comorbidity,
    count_if(has_high_comorbidity IS NULL) AS comorbidity_not_known,
    count_if(has_high_blood_pressure) AS high_blood_pressure,
    count_if(has_high_blood_pressure IS NULL) AS blood_pressure_not_known
FROM lake.gold.patient_summary
WHERE NOT is_deceased
    AND patient_id = person_id
