-- What is held back, on the way to which table, and why? Rows that a later run took up again do not count.
SELECT
    stage,
    reason_code,
    count(DISTINCT coalesce(resource_id, concat(source_file, ' ', cast(byte_offset AS varchar)))) AS records
FROM lake.ops.quarantine
WHERE resolved_by IS NULL
GROUP BY 1, 2
ORDER BY 3 DESC, 1, 2
