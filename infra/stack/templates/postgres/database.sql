-- Runs in each of the two databases as lake_admin, at every start; running it again changes nothing.
REVOKE ALL ON DATABASE $database FROM PUBLIC;
GRANT CONNECT ON DATABASE $database TO lake_etl, lake_trino, lake_dashboard;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO lake_etl;
GRANT USAGE ON SCHEMA public TO lake_trino, lake_dashboard;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO lake_trino, lake_dashboard;
-- Tables that lake_etl makes later.
ALTER DEFAULT PRIVILEGES FOR ROLE lake_etl IN SCHEMA public GRANT SELECT ON TABLES TO lake_trino, lake_dashboard;
