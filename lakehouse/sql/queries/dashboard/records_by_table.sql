-- How many live rows did the newest run of each table leave?
SELECT table_name, live_rows
FROM control.public.runs AS r
WHERE state IN ('published', 'unchanged')
    AND run_id = (
        SELECT max(n.run_id) FROM control.public.runs AS n
        WHERE n.table_name = r.table_name AND n.state IN ('published', 'unchanged')
    )
    AND live_rows IS NOT NULL
ORDER BY live_rows DESC
