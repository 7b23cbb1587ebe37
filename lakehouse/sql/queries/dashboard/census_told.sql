-- Up to which day is the census told? That day is over by the clock of the newest run.
SELECT max(as_of) AS as_of
FROM control.public.runs
WHERE table_name = 'gold.daily_census' AND state IN ('published', 'unchanged')
