-- How long do inpatient stays last, by class: how many, mean, median, longest, in days?
SELECT
    class_code,
    count(*) AS stays,
    round(avg(length_of_stay_days), 1) AS mean_days,
    round(approx_percentile(length_of_stay_days, 0.5), 1) AS median_days,
    round(max(length_of_stay_days), 1) AS longest_days
FROM lake.gold.encounter_fact
WHERE has_taken_place
    AND is_inpatient
    AND NOT is_within_stay
    AND length_of_stay_days IS NOT NULL
GROUP BY 1
ORDER BY 2 DESC, 1
