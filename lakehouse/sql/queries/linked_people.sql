-- How many people have how many patient records, and how many of these should somebody look at?
SELECT
    records,
    count(DISTINCT person_id) AS people,
    count_if(is_contradicted) AS records_to_look_at
FROM lake.gold.person
GROUP BY 1
ORDER BY 1
