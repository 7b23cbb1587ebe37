-- How many checks were there at the end of each day with a checked run, and how many records did its runs accept?
WITH checked AS (
    SELECT r.run_id, r.table_name, substring(r.started_at, 1, 10) AS day, count(*) AS checks
    FROM control.public.runs AS r
    INNER JOIN control.public.quality_results AS q ON r.run_id = q.run_id
    WHERE r.state IN ('published', 'gate_failed')
    GROUP BY r.run_id, r.table_name, substring(r.started_at, 1, 10)
),

days AS (
    SELECT day FROM checked GROUP BY day ORDER BY day DESC LIMIT 90
),

newest AS (
    SELECT d.day, max_by(c.checks, c.run_id) AS checks
    FROM days AS d
    INNER JOIN checked AS c ON d.day >= c.day
    GROUP BY d.day, c.table_name
),

checks AS (
    SELECT day, cast(sum(checks) AS bigint) AS checks
    FROM newest
    GROUP BY day
),

records AS (
    SELECT
        substring(r.started_at, 1, 10) AS day,
        sum(CASE WHEN c.status = 'accepted' THEN c.records ELSE 0 END) AS accepted,
        sum(c.records) AS judged
    FROM control.public.runs AS r
    INNER JOIN control.public.run_counts AS c ON r.run_id = c.run_id
    WHERE r.state = 'published' AND r.mode <> 'land' AND c.status IN ('accepted', 'quarantined')
    GROUP BY substring(r.started_at, 1, 10)
)

SELECT c.day, c.checks, r.accepted, r.judged
FROM checks AS c
LEFT JOIN records AS r ON c.day = r.day
ORDER BY c.day
