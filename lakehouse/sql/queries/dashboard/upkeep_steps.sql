-- What did upkeep do to the tables, and what was left of files and snapshots?
SELECT
    from_iso8601_timestamp(started_at) AS started_at,
    table_name,
    step,
    why,
    date_diff('millisecond', from_iso8601_timestamp(started_at), from_iso8601_timestamp(ended_at)) / 1000.0e0 AS seconds,
    CAST(json_extract_scalar(before, '$.data_files') AS bigint) AS files_before,
    CAST(json_extract_scalar(after, '$.data_files') AS bigint) AS files_after,
    CAST(json_extract_scalar(before, '$.snapshots') AS bigint) AS snapshots_before,
    CAST(json_extract_scalar(after, '$.snapshots') AS bigint) AS snapshots_after
FROM control.public.upkeep
WHERE (:table IS NULL OR table_name = :table)
    AND (:since IS NULL OR from_iso8601_timestamp(started_at) >= CAST(:since AS timestamp))
ORDER BY started_at DESC, table_name, step
