-- How many records were held back for each reason at the end of each of the last 90 days with a checked run, of how many?
WITH days AS (
    SELECT substring(r.started_at, 1, 10) AS day
    FROM control.public.runs AS r
    WHERE r.state IN ('published', 'gate_failed')
        AND EXISTS (SELECT 1 FROM control.public.quality_results AS q WHERE q.run_id = r.run_id)
    GROUP BY substring(r.started_at, 1, 10)
    ORDER BY day DESC
    LIMIT 90
),

judged AS (
    SELECT
        CASE WHEN r.mode = 'land' AND r.job = 'ingest fhir' THEN 'landing' ELSE r.table_name END AS stage,
        r.run_id,
        r.mode,
        substring(r.started_at, 1, 10) AS day,
        sum(c.records) AS records
    FROM control.public.runs AS r
    INNER JOIN control.public.run_counts AS c ON r.run_id = c.run_id
    WHERE r.state = 'published' AND c.status IN ('accepted', 'landed', 'quarantined')
    GROUP BY r.table_name, r.run_id, r.job, r.mode, substring(r.started_at, 1, 10)
),

full_runs AS (
    SELECT d.day, j.stage, max(CASE WHEN j.mode = 'full' THEN j.run_id END) AS run_id
    FROM days AS d
    INNER JOIN judged AS j ON d.day >= j.day
    GROUP BY d.day, j.stage
),

seen AS (
    SELECT f.day, f.stage, sum(j.records) AS records
    FROM full_runs AS f
    INNER JOIN judged AS j ON f.stage = j.stage AND f.day >= j.day AND j.run_id >= coalesce(f.run_id, '')
    GROUP BY f.day, f.stage
),

held AS (
    SELECT
        q.stage,
        q.reason_code,
        cast(cast(q.quarantined_at AS date) AS varchar) AS since,
        -- The id of the run that settled it begins with its day; what was given up says when.
        CASE
            WHEN q.resolved_by IS NULL THEN '9999-12-31'
            WHEN q.resolved_by LIKE 'discarded %' THEN substring(q.resolved_by, 11, 10)
            ELSE
                concat(
                    substring(q.resolved_by, 1, 4), '-', substring(q.resolved_by, 5, 2), '-',
                    substring(q.resolved_by, 7, 2)
                )
        END AS settled
    FROM lake.ops.quarantine AS q
    WHERE q.part = 0
)

SELECT d.day, h.stage, h.reason_code, count(*) AS records, max(s.records) AS judged
FROM days AS d
INNER JOIN held AS h ON d.day >= h.since AND d.day < h.settled
LEFT JOIN seen AS s ON d.day = s.day AND h.stage = s.stage
GROUP BY d.day, h.stage, h.reason_code
ORDER BY d.day, h.stage, h.reason_code
