-- What ran, how long did it take, and what did it change?
WITH counted AS (
    SELECT
        run_id,
        sum(CASE WHEN status NOT IN ('contained', 'blank') THEN records END) AS records,
        sum(CASE WHEN status IN ('accepted', 'landed') THEN records END) AS accepted,
        sum(CASE WHEN status = 'quarantined' THEN records END) AS quarantined
    FROM control.public.run_counts
    GROUP BY run_id
),
timed AS (
    SELECT
        *,
        from_iso8601_timestamp(started_at) AS begun,
        from_iso8601_timestamp(ended_at) AS done,
        -- what readers saw before: the newest earlier run that left the table as they see it
        last_value(CASE WHEN state IN ('published', 'unchanged') THEN live_rows END) IGNORE NULLS OVER (
            PARTITION BY table_name ORDER BY run_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS rows_before
    FROM control.public.runs
)
SELECT
    t.run_id, t.job, t.table_name, t.mode, t.state, t.begun AS started_at, t.done AS ended_at,
    date_diff('millisecond', t.begun, t.done) / 1000.0e0 AS seconds,
    t.live_rows, t.live_rows - t.rows_before AS rows_more,
    CAST(t.snapshot_id AS varchar) AS snapshot_id,
    c.records, c.accepted, c.quarantined, t.message, t.as_of
FROM timed AS t LEFT JOIN counted AS c ON t.run_id = c.run_id
WHERE (:table IS NULL OR t.table_name = :table)
    AND (:run IS NULL OR t.run_id = :run)
    AND (:since IS NULL OR t.begun >= CAST(:since AS timestamp))
ORDER BY t.run_id DESC
