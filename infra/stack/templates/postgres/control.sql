-- What people do on the dashboard is written by the dashboard: into these two tables and no other. lake_etl makes them
-- later, and default privileges know no names, so a trigger grants when a table of that name is made.
CREATE OR REPLACE FUNCTION public.grant_to_dashboard() RETURNS event_trigger LANGUAGE plpgsql AS $$$$
DECLARE made record;
BEGIN
  FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE TABLE' LOOP
    IF made.object_identity IN ('public.commands', 'public.acknowledgements') THEN
      EXECUTE 'GRANT INSERT, UPDATE ON ' || made.object_identity || ' TO lake_dashboard';
    END IF;
  END LOOP;
END $$$$;
DROP EVENT TRIGGER IF EXISTS grant_to_dashboard;
CREATE EVENT TRIGGER grant_to_dashboard ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
  EXECUTE FUNCTION public.grant_to_dashboard();
DO $$$$
DECLARE known text;
BEGIN
  FOREACH known IN ARRAY ARRAY['commands', 'acknowledgements'] LOOP
    IF to_regclass('public.' || known) IS NOT NULL THEN
      EXECUTE format('GRANT INSERT, UPDATE ON public.%I TO lake_dashboard', known);
    END IF;
  END LOOP;
END $$$$;
ALTER DEFAULT PRIVILEGES FOR ROLE lake_etl IN SCHEMA public GRANT USAGE ON SEQUENCES TO lake_dashboard;
