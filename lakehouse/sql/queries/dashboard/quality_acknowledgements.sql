-- Who acknowledged this finding, why, until when, and which of it still stands?
SELECT c.at, c.who, a.note, a.until_on, a.value, a.withdrawn_at
FROM control.public.acknowledgements AS a
INNER JOIN control.public.commands AS c ON a.command_id = c.command_id
WHERE a.table_name = :table AND a.check_name = :check
ORDER BY a.command_id DESC
