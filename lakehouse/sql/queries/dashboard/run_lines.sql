-- How many lines did the files of an ingestion have, and what came of them?
SELECT
    count(*) AS files,
    coalesce(sum(lines), 0) AS lines,
    coalesce(sum(blank), 0) AS blank,
    coalesce(sum(landed), 0) AS landed,
    coalesce(sum(contained), 0) AS contained,
    coalesce(sum(quarantined), 0) AS quarantined,
    coalesce(sum(bytes), 0) AS bytes
FROM control.public.files
WHERE batch_id = :run
