-- Which records are held back at this stage for this reason, by their place in the file?
SELECT source_file, line, byte_offset, entry, reason, quarantined_at
FROM lake.ops.quarantine
WHERE stage = :stage AND reason_code = :reason AND part = 0 AND resolved_by IS NULL
ORDER BY source_file, line, byte_offset, entry
LIMIT 1000
