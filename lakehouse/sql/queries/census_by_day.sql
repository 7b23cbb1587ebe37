-- How many people were in at midnight on each of the last thirty days that are told, and who came and went?
SELECT
    census_on,
    sum(census) AS census,
    sum(arrivals) AS arrivals,
    sum(departures) AS departures,
    sum(deaths) AS deaths
FROM lake.gold.daily_census
WHERE census_on > (SELECT date_add('day', -30, max(census_on)) FROM lake.gold.daily_census)
GROUP BY 1
ORDER BY 1
