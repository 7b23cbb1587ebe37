-- What became of every record of every file that was ingested? What is held back now: held_at_landing.
WITH readings AS (
    SELECT e.*, max(e.batch_id) OVER (PARTITION BY e.path, e.mapping) AS newest
    FROM control.public.extracts AS e
    INNER JOIN control.public.runs AS r ON r.run_id = e.batch_id AND r.state = 'published'
),

extracts AS (
    SELECT
        sum(translated) AS translated, sum(value_table) AS value_table, sum(no_value) AS no_value,
        sum(quarantined) AS held_back, sum(blank) AS blank
    FROM readings
    -- a file that was read again counts as the newest reading found it
    WHERE batch_id = newest
)

SELECT 'FHIR' AS source, 'landed in bronze' AS became, sum(c.records) AS records
FROM control.public.run_counts AS c
INNER JOIN control.public.runs AS r ON r.run_id = c.run_id
WHERE r.state = 'published' AND r.table_name = 'bronze.fhir_resource' AND c.status = 'landed'
    AND r.job NOT LIKE 'ingest csv%'
UNION ALL
SELECT 'FHIR', 'blank', sum(f.blank)
FROM control.public.files AS f
INNER JOIN control.public.runs AS r ON r.run_id = f.batch_id AND r.state = 'published'
UNION ALL
SELECT
    'CSV extracts',
    p.became,
    CASE p.place
        WHEN 1 THEN e.translated WHEN 2 THEN e.value_table WHEN 3 THEN e.no_value WHEN 4 THEN e.held_back ELSE e.blank
    END
FROM extracts AS e
CROSS JOIN (
    VALUES
    (1, 'landed in bronze'), (2, 'says what codes mean'), (3, 'says nothing'), (4, 'held back'), (5, 'blank')
) AS p (place, became)
