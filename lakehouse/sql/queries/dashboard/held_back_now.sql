-- How many records are held back now, by stage?
SELECT stage, count(*) AS records
FROM lake.ops.quarantine
WHERE part = 0 AND resolved_by IS NULL
GROUP BY 1
ORDER BY 2 DESC
