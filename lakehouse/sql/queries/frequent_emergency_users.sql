-- Which ages have most people with four or more emergency visits in the last twelve months?
SELECT
    age_years / 10 * 10 AS age_from_years,
    count(*) AS patients,
    count_if(emergency_visits_last_12_months >= 4) AS with_four_or_more_visits
FROM lake.gold.patient_summary
WHERE NOT is_deceased
    AND patient_id = person_id
GROUP BY 1
ORDER BY 1
