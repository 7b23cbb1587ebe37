-- How many people are there by gender, ten years of age and whether they are alive, and how many were seen in the last
-- 12 months? Of the records of one person one counts.
SELECT
    gender,
    (age_years / 10) * 10 AS age_from,
    is_deceased,
    count(*) AS people,
    count_if(encounters_last_12_months > 0) AS seen,
    count_if(birth_on IS NULL) AS without_birth,
    max(as_of_on) AS as_of_on
FROM lake.gold.patient_summary
WHERE patient_id = person_id
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
