-- Which twenty practitioners had most encounters, their references by identifier followed?
SELECT
    coalesce(encounter.practitioner_id, reference.target_id) AS practitioner_id,
    count(*) AS encounters,
    count(DISTINCT encounter.patient_id) AS patients
FROM lake.silver.encounter AS encounter
LEFT JOIN lake.gold.reference AS reference
    ON reference.table_name = 'silver.encounter'
    AND reference.column_name = 'practitioner_reference'
    AND reference.row_id = encounter.encounter_id
    AND reference.target_type = 'Practitioner'
WHERE NOT encounter.is_deleted
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT 20
