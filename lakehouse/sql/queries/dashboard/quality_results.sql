-- What did each check say at the newest checked run of its table, and since which run has it not been met?
WITH checked AS (
    SELECT r.run_id, r.table_name, r.state, r.mode, r.started_at, r.live_rows
    FROM control.public.runs AS r
    WHERE r.state IN ('published', 'gate_failed')
        AND EXISTS (SELECT 1 FROM control.public.quality_results AS q WHERE q.run_id = r.run_id)
),

newest AS (
    SELECT
        table_name,
        max(run_id) AS run_id,
        max(CASE WHEN mode = 'full' THEN run_id END) AS full_run_id
    FROM checked
    GROUP BY table_name
),

results AS (
    SELECT q.*, c.mode, c.state
    FROM control.public.quality_results AS q
    INNER JOIN checked AS c ON q.run_id = c.run_id
),

met AS (
    SELECT
        table_name,
        check_name,
        max(run_id) AS run_id,
        max(CASE WHEN mode = 'full' THEN run_id END) AS full_run_id
    FROM results
    WHERE outcome = 'pass'
    GROUP BY table_name, check_name
),

unmet AS (
    SELECT
        r.table_name,
        r.check_name,
        min(CASE WHEN r.run_id > coalesce(m.run_id, '') THEN r.checked_at END) AS since,
        min(CASE WHEN r.run_id > coalesce(m.full_run_id, '') THEN r.checked_at END) AS since_full
    FROM results AS r
    LEFT JOIN met AS m ON r.table_name = m.table_name AND r.check_name = m.check_name
    WHERE r.outcome <> 'pass'
    GROUP BY r.table_name, r.check_name
),

summed AS (
    SELECT r.table_name, r.check_name, sum(r.value) AS value_since_full
    FROM results AS r
    INNER JOIN newest AS n ON r.table_name = n.table_name
    WHERE r.run_id >= coalesce(n.full_run_id, '') AND (r.state = 'published' OR r.run_id = n.run_id)
    GROUP BY r.table_name, r.check_name
)

SELECT
    r.table_name,
    r.check_name,
    r.level,
    r.outcome,
    r.value,
    s.value_since_full,
    r.doc,
    r.sample_keys,
    r.run_id,
    r.checked_at,
    c.state,
    c.mode,
    c.live_rows,
    u.since,
    u.since_full
FROM results AS r
INNER JOIN newest AS n ON r.table_name = n.table_name AND r.run_id = n.run_id
INNER JOIN checked AS c ON r.run_id = c.run_id
INNER JOIN summed AS s ON r.table_name = s.table_name AND r.check_name = s.check_name
LEFT JOIN unmet AS u ON r.table_name = u.table_name AND r.check_name = u.check_name
ORDER BY r.table_name, r.check_name
