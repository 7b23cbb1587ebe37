-- On which weekday (1 is Monday) and in which hour of the facility's time zone do stays begin? Both are null where the
-- source gives no time of day.
WITH arrivals AS (
    SELECT
        f.time_zone,
        CASE WHEN e.started_precision = 'second' THEN at_timezone(f.started_at, f.time_zone) END AS started_at
    FROM lake.gold.encounter_fact AS f
    LEFT JOIN lake.silver.encounter AS e ON e.encounter_id = f.encounter_id
    WHERE f.has_taken_place AND f.is_inpatient AND NOT f.is_within_stay
        AND f.started_on BETWEEN :since AND :until
        AND (:facility IS NULL OR f.facility_key = :facility)
        AND (:class IS NULL OR f.class_code = :class)
        AND (:locations IS NULL OR contains(split(:locations, chr(10)), f.location_key))
)
SELECT
    time_zone,
    day_of_week(started_at) AS weekday,
    hour(started_at) AS hour,
    count(*) AS arrivals
FROM arrivals
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
