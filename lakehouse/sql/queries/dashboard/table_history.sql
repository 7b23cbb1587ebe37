-- How many rows did each run leave in a table?
SELECT run_id, from_iso8601_timestamp(ended_at) AS ended_at, state, live_rows
FROM control.public.runs
WHERE table_name = :table AND state IN ('published', 'unchanged') AND live_rows IS NOT NULL
ORDER BY run_id
