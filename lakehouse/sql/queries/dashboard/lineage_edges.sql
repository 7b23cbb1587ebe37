-- What is each column made of, as the newest run of each table says?
SELECT DISTINCT output_table, output_column, input_table, input_column, element, kind, subtype, masking
FROM control.public.lineage_edges
WHERE basis IN (
    SELECT basis FROM control.public.runs
    WHERE run_id IN (
        SELECT max(run_id) FROM control.public.runs
        WHERE state IN ('published', 'unchanged')
        GROUP BY table_name
    )
)
