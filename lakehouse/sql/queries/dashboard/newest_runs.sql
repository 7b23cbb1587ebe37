-- Which run left each table as readers see it now, and how many live rows are there?
SELECT table_name, run_id, mode, state, live_rows, ended_at
FROM control.public.runs AS r
WHERE state IN ('published', 'unchanged')
    AND run_id = (
        SELECT max(n.run_id) FROM control.public.runs AS n
        WHERE n.table_name = r.table_name AND n.state IN ('published', 'unchanged')
    )
ORDER BY table_name
