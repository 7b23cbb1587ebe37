-- Which snapshots did a run read?
SELECT table_name, CAST(snapshot_id AS varchar) AS snapshot_id
FROM control.public.run_inputs
WHERE run_id = :run
ORDER BY table_name
