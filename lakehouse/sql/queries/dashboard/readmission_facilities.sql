-- Which facilities have stays?
SELECT DISTINCT facility_key
FROM lake.gold.readmission
ORDER BY facility_key
