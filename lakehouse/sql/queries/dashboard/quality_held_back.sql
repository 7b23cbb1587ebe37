-- What is held back and not settled, at which stage and why, and since when?
SELECT
    stage,
    reason_code,
    count(*) AS records,
    min(reason) AS reason,
    min(quarantined_at) AS since
FROM lake.ops.quarantine
WHERE part = 0 AND resolved_by IS NULL
GROUP BY stage, reason_code
ORDER BY records DESC, stage, reason_code
