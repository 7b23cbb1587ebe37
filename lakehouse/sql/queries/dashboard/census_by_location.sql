-- How many people were in at midnight by location and class, added up over days or months, and at the last midnight?
SELECT
    CASE WHEN :grain = 'month' THEN date_trunc('month', census_on) ELSE census_on END AS period,
    facility_key,
    location_key,
    class_code,
    sum(census) AS census,
    sum(CASE WHEN census_on = :until THEN census ELSE 0 END) AS newest,
    sum(arrivals) AS arrivals,
    sum(transfers_in) AS transfers_in,
    sum(transfers_out) AS transfers_out,
    sum(departures) AS departures,
    sum(deaths) AS deaths
FROM lake.gold.daily_census
WHERE census_on BETWEEN :since AND :until
    AND (:facility IS NULL OR facility_key = :facility)
    AND (:class IS NULL OR class_code = :class)
    AND (:locations IS NULL OR contains(split(:locations, chr(10)), location_key))
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
