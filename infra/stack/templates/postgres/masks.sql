-- The key of pseudonyms, for Trino's column masks alone: lake_admin makes the table, so that nobody else has it by default.
CREATE SCHEMA IF NOT EXISTS masks;
REVOKE ALL ON SCHEMA masks FROM PUBLIC;
CREATE TABLE IF NOT EXISTS masks.pseudonym (one boolean PRIMARY KEY DEFAULT true CHECK (one), key bytea NOT NULL);
REVOKE ALL ON masks.pseudonym FROM PUBLIC;
GRANT USAGE ON SCHEMA masks TO lake_trino;
GRANT SELECT ON masks.pseudonym TO lake_trino;
