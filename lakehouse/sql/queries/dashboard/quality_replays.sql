-- Who replayed what was held back at which stage, and how did it end?
SELECT at, who, json_extract_scalar(arguments, '$.stage') AS stage, outcome, message, ended_at
FROM control.public.commands
WHERE command = 'replay'
ORDER BY command_id DESC
LIMIT 20
