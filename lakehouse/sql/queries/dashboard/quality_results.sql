-- What did each check say at the newest checked run of its table, and since which run has it not been met?
WITH results AS (
    SELECT
        q.*,
        r.state,
        r.mode,
        r.live_rows,
        max(q.run_id) OVER (PARTITION BY q.table_name) AS newest,
        max(CASE WHEN r.mode = 'full' THEN q.run_id END) OVER (PARTITION BY q.table_name) AS newest_full
    FROM control.public.quality_results AS q
    INNER JOIN control.public.runs AS r ON q.run_id = r.run_id
    WHERE r.state IN ('published', 'gate_failed')
),

met AS (
    SELECT
        *,
        max(CASE WHEN outcome = 'pass' THEN run_id END) OVER of_check AS met,
        max(CASE WHEN outcome = 'pass' AND mode = 'full' THEN run_id END) OVER of_check AS met_full
    FROM results
    WINDOW of_check AS (PARTITION BY table_name, check_name)
),

told AS (
    SELECT
        *,
        sum(
            CASE WHEN run_id >= coalesce(newest_full, '') AND (state = 'published' OR run_id = newest) THEN value END
        ) OVER of_check AS value_since_full,
        min(CASE WHEN outcome <> 'pass' AND run_id > coalesce(met, '') THEN checked_at END) OVER of_check AS since,
        min(
            CASE WHEN outcome <> 'pass' AND run_id > coalesce(met_full, '') THEN checked_at END
        ) OVER of_check AS since_full
    FROM met
    WINDOW of_check AS (PARTITION BY table_name, check_name)
)

SELECT
    table_name,
    check_name,
    level,
    outcome,
    value,
    value_since_full,
    doc,
    sample_keys,
    run_id,
    checked_at,
    state,
    mode,
    live_rows,
    since,
    since_full
FROM told
WHERE run_id = newest
ORDER BY table_name, check_name
