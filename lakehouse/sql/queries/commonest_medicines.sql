-- Which twenty medicines are ordered for most people, by RxNorm code?
SELECT
    rxnorm_code,
    min(code_text) AS code_text,
    count(*) AS orders,
    count(DISTINCT patient_id) AS patients
FROM lake.silver.medication_request
WHERE NOT is_deleted
    AND NOT is_not_to_be_given
    AND status <> 'entered-in-error'
GROUP BY 1
ORDER BY 4 DESC, 3 DESC, 1
LIMIT 20
