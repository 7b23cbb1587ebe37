-- How many records of a table are held back, by the rule that they break?
SELECT reason_code, count(*) AS records
FROM lake.ops.quarantine
WHERE stage = :table AND part = 0 AND resolved_by IS NULL
GROUP BY reason_code
ORDER BY reason_code
