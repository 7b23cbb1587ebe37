-- What became of every record of every file that was ingested? What is held back now: held_at_landing.
WITH extracts AS (
    SELECT
        sum(e.translated) AS translated, sum(e.value_table) AS value_table, sum(e.no_value) AS no_value,
        sum(e.quarantined) AS held_back, sum(e.blank) AS blank
    FROM control.public.extracts AS e
    -- a file that was read again counts as the newest reading found it
    WHERE e.batch_id = (
        SELECT max(n.batch_id)
        FROM control.public.extracts AS n
        INNER JOIN control.public.runs AS r ON r.run_id = n.batch_id AND r.state = 'published'
        WHERE n.path = e.path AND n.mapping = e.mapping
    )
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
SELECT 'CSV extracts', 'landed in bronze', translated FROM extracts
UNION ALL
SELECT 'CSV extracts', 'says what codes mean', value_table FROM extracts
UNION ALL
SELECT 'CSV extracts', 'says nothing', no_value FROM extracts
UNION ALL
SELECT 'CSV extracts', 'held back', held_back FROM extracts
UNION ALL
SELECT 'CSV extracts', 'blank', blank FROM extracts
