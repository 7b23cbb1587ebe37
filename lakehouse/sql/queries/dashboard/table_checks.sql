-- How did the newest results of a table's checks turn out?
SELECT q.check_name, q.level, q.doc, q.outcome, q.value, q.run_id, from_iso8601_timestamp(q.checked_at) AS checked_at
FROM control.public.quality_results AS q
WHERE q.table_name = :table
    AND q.checked_at = (
        SELECT max(n.checked_at) FROM control.public.quality_results AS n
        WHERE n.table_name = q.table_name AND n.check_name = q.check_name
    )
ORDER BY q.check_name
