"""CSV extracts: rows as they came, and the FHIR resources that a mapping makes of them."""
