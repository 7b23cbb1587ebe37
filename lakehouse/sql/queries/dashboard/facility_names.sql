-- What are the facilities called that encounters name by id or by identifier?
WITH facilities AS (
    SELECT DISTINCT facility_key, replace(facility_key, 'Organization?identifier=', '') AS identifier
    FROM lake.gold.encounter_fact
)
SELECT f.facility_key, min(coalesce(o.name, n.name)) AS name
FROM facilities AS f
LEFT JOIN lake.silver.organization AS o ON o.organization_id = f.facility_key AND NOT o.is_deleted
LEFT JOIN lake.gold.identifier AS i
    ON i.resource_type = 'Organization' AND concat(i.system, '|', i.value) = f.identifier
LEFT JOIN lake.silver.organization AS n ON n.organization_id = i.record_id AND NOT n.is_deleted
GROUP BY f.facility_key
ORDER BY f.facility_key
