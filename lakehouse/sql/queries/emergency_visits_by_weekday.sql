-- On which days of the week (1 is Monday) do emergency visits begin, in the facility's time zone?
SELECT
    day_of_week(started_on) AS weekday,
    count(*) AS visits,
    count(DISTINCT person_id) AS people
FROM lake.gold.encounter_fact
WHERE has_taken_place
    AND is_emergency
    AND started_on IS NOT NULL
GROUP BY 1
ORDER BY 1
