-- How many living patients are there in each ten-year age band, today, by gender?
SELECT
    date_diff('year', birth_on, current_date) / 10 * 10 AS age_from_years,
    gender,
    count(*) AS patients
FROM lake.silver.patient
WHERE NOT is_deleted
    AND NOT is_deceased
    AND replaced_by_patient_id IS NULL
GROUP BY 1, 2
ORDER BY 1, 2
