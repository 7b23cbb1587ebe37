-- Which records of FHIR files could not land: how many are held back now, how many were given up?
SELECT
    'FHIR' AS source,
    CASE WHEN resolved_by IS NULL THEN 'held back' ELSE 'given up' END AS became,
    count(*) AS records
FROM lake.ops.quarantine
WHERE stage = 'landing' AND part = 0 AND (resolved_by IS NULL OR resolved_by LIKE 'discarded %')
GROUP BY 2
ORDER BY 2 DESC
