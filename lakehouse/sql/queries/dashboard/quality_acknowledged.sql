-- Which findings did people accept, who, why and until when? Those that were taken back or replaced do not count.
SELECT
    a.table_name,
    a.check_name,
    a.note,
    a.until_on,
    a.value,
    c.who,
    c.at
FROM control.public.acknowledgements AS a
INNER JOIN control.public.commands AS c ON a.command_id = c.command_id
WHERE a.withdrawn_at IS NULL
ORDER BY a.command_id
