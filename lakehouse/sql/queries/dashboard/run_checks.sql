-- What did the checks of a run find?
SELECT table_name, check_name, level, outcome, value, doc, from_iso8601_timestamp(checked_at) AS checked_at
FROM control.public.quality_results
WHERE run_id = :run
ORDER BY CASE outcome WHEN 'error' THEN 0 WHEN 'fail' THEN 1 WHEN 'warn' THEN 2 ELSE 3 END, table_name, check_name
