-- How many records did each run of this stage hold back for this reason, of how many that it judged?
WITH judged AS (
    SELECT r.run_id, r.started_at, r.mode, sum(c.records) AS judged
    FROM control.public.runs AS r
    INNER JOIN control.public.run_counts AS c ON r.run_id = c.run_id
    WHERE r.state = 'published'
        AND c.status IN ('accepted', 'landed', 'quarantined')
        AND CASE WHEN r.mode = 'land' AND r.job = 'ingest fhir' THEN 'landing' ELSE r.table_name END = :stage
    GROUP BY r.run_id, r.started_at, r.mode
),

held AS (
    SELECT run_id, count(*) AS records
    FROM lake.ops.quarantine
    WHERE stage = :stage AND reason_code = :reason AND part = 0
    GROUP BY run_id
)

SELECT j.run_id, j.started_at, j.mode, j.judged, coalesce(h.records, 0) AS held_back
FROM judged AS j
LEFT JOIN held AS h ON j.run_id = h.run_id
ORDER BY j.run_id
