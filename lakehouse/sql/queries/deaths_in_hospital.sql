-- How many inpatient stays that ended in each year ended with the person's death?
SELECT
    year(ended_on) AS year,
    count(*) AS stays,
    count_if(died_in_hospital) AS deaths,
    round(100.0 * count_if(died_in_hospital) / count(*), 1) AS died_pct
FROM lake.gold.encounter_fact
WHERE has_taken_place
    AND is_inpatient
    AND NOT is_within_stay
    AND ended_on IS NOT NULL
GROUP BY 1
ORDER BY 1
