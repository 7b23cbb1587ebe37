-- What did this check say at each run of its table that was checked, and how much had the run accepted?
SELECT
    q.run_id,
    r.started_at,
    r.mode,
    r.state,
    q.outcome,
    q.value,
    r.live_rows,
    (
        SELECT sum(c.records) FROM control.public.run_counts AS c
        WHERE c.run_id = q.run_id AND c.status = 'accepted'
    ) AS accepted
FROM control.public.quality_results AS q
INNER JOIN control.public.runs AS r ON q.run_id = r.run_id
WHERE q.table_name = :table AND q.check_name = :check AND r.state IN ('published', 'gate_failed')
ORDER BY q.run_id
