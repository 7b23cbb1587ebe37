-- What became of every record of every file that was ingested?
WITH landed AS (
    SELECT
        sum(f.landed) AS landed, sum(f.quarantined) AS held_back, sum(f.blank) AS blank
    FROM control.public.files AS f
    INNER JOIN control.public.runs AS r ON r.run_id = f.batch_id AND r.state = 'published'
),

extracts AS (
    SELECT
        sum(e.translated) AS translated, sum(e.value_table) AS value_table, sum(e.no_value) AS no_value,
        sum(e.quarantined) AS held_back, sum(e.blank) AS blank
    FROM control.public.extracts AS e
    INNER JOIN control.public.runs AS r ON r.run_id = e.batch_id AND r.state = 'published'
)

SELECT 'FHIR files' AS source, 'landed in bronze' AS became, landed AS records FROM landed
UNION ALL
SELECT 'FHIR files', 'held back', held_back FROM landed
UNION ALL
SELECT 'FHIR files', 'blank', blank FROM landed
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
