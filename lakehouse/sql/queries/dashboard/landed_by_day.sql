-- How many records landed on each day, and how many were held back?
SELECT
    substr(f.landed_at, 1, 10) AS landed_on,
    sum(f.landed) AS landed,
    sum(f.quarantined) AS held_back
FROM control.public.files AS f
INNER JOIN control.public.runs AS r ON r.run_id = f.batch_id AND r.state = 'published'
GROUP BY 1
ORDER BY 1
