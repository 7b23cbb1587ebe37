-- How many records did the runs of each stage accept and hold back since its last full run (landing: ever)?
WITH counted AS (
    SELECT
        CASE WHEN r.mode = 'land' AND r.job = 'ingest fhir' THEN 'landing' ELSE r.table_name END AS stage,
        r.run_id,
        r.mode,
        c.status,
        c.records
    FROM control.public.runs AS r
    INNER JOIN control.public.run_counts AS c ON r.run_id = c.run_id
    WHERE r.state = 'published' AND c.status IN ('accepted', 'landed', 'quarantined')
),

full_runs AS (
    SELECT stage, max(run_id) AS run_id FROM counted WHERE mode = 'full' GROUP BY stage
)

SELECT
    c.stage,
    sum(CASE WHEN c.status = 'quarantined' THEN 0 ELSE c.records END) AS accepted,
    sum(CASE WHEN c.status = 'quarantined' THEN c.records ELSE 0 END) AS held_back
FROM counted AS c
LEFT JOIN full_runs AS f ON c.stage = f.stage
WHERE c.run_id >= coalesce(f.run_id, '')
GROUP BY c.stage
ORDER BY c.stage
