-- How did the checks of the newest run of each table come out?
SELECT q.outcome, count(*) AS checks
FROM control.public.quality_results AS q
INNER JOIN control.public.runs AS r ON r.run_id = q.run_id
WHERE r.run_id = (
    SELECT max(n.run_id) FROM control.public.runs AS n
    WHERE n.table_name = r.table_name AND n.state IN ('published', 'gate_failed')
)
GROUP BY 1
