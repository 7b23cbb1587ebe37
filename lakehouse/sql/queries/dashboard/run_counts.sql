-- What became of the records of a run, by the batch that brought them and by source file?
SELECT
    batch_id,
    -- a file's name may say whom it is about: its place in the list of all of the batch stands for it
    dense_rank() OVER (PARTITION BY batch_id ORDER BY source_file) AS file_number,
    status,
    records
FROM control.public.run_counts
WHERE run_id = :run
ORDER BY batch_id, file_number, status
