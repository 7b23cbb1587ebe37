-- How many records of FHIR landed on each day, replays included, and how many could not?
SELECT
    substr(r.started_at, 1, 10) AS landed_on,
    sum(CASE WHEN c.status = 'landed' THEN c.records ELSE 0 END) AS landed,
    sum(CASE WHEN c.status = 'quarantined' THEN c.records ELSE 0 END) AS held_back
FROM control.public.run_counts AS c
INNER JOIN control.public.runs AS r ON r.run_id = c.run_id
WHERE r.state = 'published' AND r.table_name = 'bronze.fhir_resource' AND c.status IN ('landed', 'quarantined')
    AND r.job NOT LIKE 'ingest csv%'
GROUP BY 1
ORDER BY 1
