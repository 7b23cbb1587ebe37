-- How many people were in at midnight of each day, and who came and went? No row means nobody. The locations are a
-- list with line breaks between.
SELECT
    census_on,
    sum(census) AS census,
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
GROUP BY census_on
ORDER BY census_on
