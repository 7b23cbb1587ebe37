-- What became of the records that the newest published run of each silver table looked at?
SELECT c.status AS became, sum(c.records) AS records
FROM control.public.run_counts AS c
INNER JOIN control.public.runs AS r ON r.run_id = c.run_id
WHERE r.table_name LIKE 'silver.%'
    AND r.run_id = (
        SELECT max(n.run_id) FROM control.public.runs AS n
        WHERE n.table_name = r.table_name AND n.state = 'published'
    )
GROUP BY 1
ORDER BY 2 DESC
