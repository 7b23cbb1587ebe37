-- In each month, how many people with a systolic pressure had a daily mean of 140 mmHg or more at least once?
SELECT
    date_format(observed_on, '%Y-%m') AS month,
    count(DISTINCT patient_id) AS patients_measured,
    count(DISTINCT CASE WHEN value_mean >= 140 THEN patient_id END) AS patients_high
FROM lake.gold.observation_daily
WHERE code_system = 'http://loinc.org'
    AND code = '8480-6'
GROUP BY 1
ORDER BY 1
