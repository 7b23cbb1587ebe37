-- Which records are held back at this stage for this reason, by their place in the file?
SELECT
    -- a file's name may say whom it is about: its place in the list of all of them stands for it
    dense_rank() OVER (ORDER BY source_file) AS file_number,
    line,
    byte_offset,
    entry,
    reason,
    quarantined_at
FROM lake.ops.quarantine
WHERE stage = :stage AND reason_code = :reason AND part = 0 AND resolved_by IS NULL
ORDER BY file_number, line, byte_offset, entry
LIMIT 1000
