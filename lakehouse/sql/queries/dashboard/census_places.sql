-- Where have people been in hospital: by facility, class and location, with the ward that a bed or room is in, and how
-- many beds are recorded there?
WITH places AS (
    SELECT
        l.location_id,
        CASE
            WHEN l.physical_type_code = 'bd' AND p.physical_type_code = 'ro'
                THEN coalesce(p.part_of_location_id, p.location_id)
            WHEN l.physical_type_code IN ('bd', 'ro') THEN coalesce(p.location_id, l.location_id)
            ELSE l.location_id
        END AS ward_id,
        l.physical_type_code = 'bd' AND coalesce(l.status, 'active') <> 'inactive' AS is_bed
    FROM lake.silver.location AS l
    LEFT JOIN lake.silver.location AS p ON p.location_id = l.part_of_location_id AND NOT p.is_deleted
    WHERE NOT l.is_deleted
),
wards AS (
    SELECT p.location_id, p.ward_id, w.name, count_if(p.is_bed) OVER (PARTITION BY p.ward_id) AS beds
    FROM places AS p
    LEFT JOIN lake.silver.location AS w ON w.location_id = p.ward_id AND NOT w.is_deleted
),
found AS (
    SELECT
        facility_key,
        location_key,
        class_code,
        replace(location_key, 'Location?identifier=', '') AS identifier,
        min(census_on) AS first_on,
        max(census_on) AS last_on
    FROM lake.gold.daily_census
    GROUP BY facility_key, location_key, class_code
)
SELECT
    f.facility_key,
    f.location_key,
    f.class_code,
    f.first_on,
    f.last_on,
    min(coalesce(w.ward_id, f.location_key)) AS ward_key,
    min(w.name) AS ward,
    max(nullif(w.beds, 0)) AS beds
FROM found AS f
LEFT JOIN lake.gold.identifier AS i
    ON i.resource_type = 'Location' AND concat(i.system, '|', i.value) = f.identifier
-- No id has a bar in it, so what is an identifier is no id.
LEFT JOIN wards AS w ON w.location_id = coalesce(i.record_id, f.location_key)
GROUP BY f.facility_key, f.location_key, f.class_code, f.first_on, f.last_on
ORDER BY f.facility_key, f.location_key, f.class_code
