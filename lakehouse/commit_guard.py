"""On servers: a catalog commit whose answer was lost is not taken for one that failed.

Iceberg's JDBC catalog sends a commit again when the connection broke before the answer came. Where the first one had
happened, the second finds no row to change, Iceberg takes that for a commit that failed, and deletes the files that it
wrote: those that the table now stands on. So the database answers a commit that changes no row with SQLSTATE 08007
(transaction resolution unknown): then Iceberg deletes nothing and gives up, and the run is done again.
"""

from typing import TYPE_CHECKING

from lakehouse import profile
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UNKNOWN = "carelake: another commit came before, or this one has happened already"
_BODY = f"""
BEGIN
    IF NOT EXISTS (SELECT FROM changed) THEN
        RAISE EXCEPTION '{UNKNOWN}' USING ERRCODE = '08007';
    END IF;
    RETURN NULL;
END
"""
_IS_GUARDED = """
SELECT EXISTS (
    SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = 'iceberg_tables'::regclass AND t.tgname = 'carelake_guard_commit' AND t.tgenabled <> 'D'
        AND p.prosrc = :body
)
"""
_GUARD = (
    "SELECT pg_advisory_xact_lock(hashtext('carelake_guard_commit'))",  # who replaces it beside another one is refused
    f"CREATE OR REPLACE FUNCTION carelake_guard_commit() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$",
    """
    CREATE OR REPLACE TRIGGER carelake_guard_commit AFTER UPDATE ON iceberg_tables
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION carelake_guard_commit()
    """,
)


def guard_commits(spark: "SparkSession", settings: Settings) -> None:
    """Put the guard into the catalog's database where it is not there yet. Embedded, no answer can be lost.

    To put it there waits for all commits that are under way, so that is done once and not by each command.
    """
    if not profile.is_on_servers(settings):
        return
    import sqlalchemy as sa

    spark.sql("SHOW NAMESPACES IN lake")  # makes the catalog's own tables
    engine = profile.catalog_engine(settings)
    try:
        with engine.begin() as db:
            if not db.scalar(sa.text(_IS_GUARDED), {"body": _BODY}):
                for statement in _GUARD:
                    db.execute(sa.text(statement))
    except sa.exc.OperationalError as error:
        raise profile.unreachable(settings) from error
    finally:
        engine.dispose()
