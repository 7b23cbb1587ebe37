-- What did the newest run of each table leave, and when did anything look at the table last?
WITH newest AS (
    SELECT table_name, max(run_id) AS run_id
    FROM control.public.runs
    WHERE state IN ('published', 'unchanged')
    GROUP BY table_name
)
SELECT r.table_name, r.run_id, r.live_rows, from_iso8601_timestamp(r.ended_at) AS ended_at
FROM control.public.runs AS r INNER JOIN newest AS n ON r.run_id = n.run_id
ORDER BY r.table_name
