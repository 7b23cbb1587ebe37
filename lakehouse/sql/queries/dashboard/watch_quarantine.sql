-- Are the records that published runs say they held back all in quarantine? Rows of CSV extracts are counted elsewhere.
WITH told AS (
    SELECT c.run_id, sum(c.records) AS records
    FROM control.public.run_counts AS c
    WHERE c.status = 'quarantined'
    GROUP BY c.run_id
),

held AS (
    SELECT q.run_id, count(*) AS records
    FROM lake.ops.quarantine AS q
    WHERE q.part = 0
    GROUP BY q.run_id
)

SELECT
    r.table_name,
    sum(coalesce(t.records, 0)) AS told,
    sum(coalesce(h.records, 0)) AS held
FROM control.public.runs AS r
LEFT JOIN told AS t ON r.run_id = t.run_id
LEFT JOIN held AS h ON r.run_id = h.run_id
WHERE r.state = 'published' AND r.job NOT LIKE 'ingest csv%'
    AND (t.run_id IS NOT NULL OR h.run_id IS NOT NULL)
GROUP BY r.table_name
ORDER BY r.table_name
