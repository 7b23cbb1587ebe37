-- Which checks were not met at the end of each of the last 90 days with a checked run?
WITH checked AS (
    SELECT r.run_id, r.table_name, r.state, r.live_rows, r.mode, substring(r.started_at, 1, 10) AS day
    FROM control.public.runs AS r
    WHERE r.state IN ('published', 'gate_failed')
        AND EXISTS (SELECT 1 FROM control.public.quality_results AS q WHERE q.run_id = r.run_id)
),

days AS (
    SELECT day FROM checked GROUP BY day ORDER BY day DESC LIMIT 90
),

newest AS (
    SELECT
        d.day,
        c.table_name,
        max(c.run_id) AS run_id,
        max(CASE WHEN c.mode = 'full' THEN c.run_id END) AS full_run_id
    FROM days AS d
    INNER JOIN checked AS c ON d.day >= c.day
    GROUP BY d.day, c.table_name
)

SELECT
    n.day,
    n.table_name,
    q.check_name,
    coalesce(max(CASE WHEN c.run_id = n.run_id THEN q.outcome END), 'pass') AS outcome,
    max(CASE WHEN c.run_id = n.run_id THEN q.value END) AS value,
    sum(CASE WHEN c.state = 'published' OR c.run_id = n.run_id THEN q.value END) AS value_since_full,
    max(w.state) AS state,
    max(w.live_rows) AS live_rows
FROM newest AS n
INNER JOIN checked AS w ON n.run_id = w.run_id
INNER JOIN checked AS c
    ON n.table_name = c.table_name AND c.run_id >= coalesce(n.full_run_id, '') AND c.run_id <= n.run_id
INNER JOIN control.public.quality_results AS q ON c.run_id = q.run_id AND c.table_name = q.table_name
WHERE q.outcome <> 'pass'
GROUP BY n.day, n.table_name, q.check_name
ORDER BY n.day, n.table_name, q.check_name
