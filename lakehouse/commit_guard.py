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
_GUARD = (
    f"""
    CREATE OR REPLACE FUNCTION carelake_guard_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM changed) THEN
            RAISE EXCEPTION '{UNKNOWN}' USING ERRCODE = '08007';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER carelake_guard_commit AFTER UPDATE ON iceberg_tables
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION carelake_guard_commit()
    """,
)


def guard_commits(spark: "SparkSession", settings: Settings) -> None:
    """Put the guard into the catalog's database; it may be there already. Embedded, no answer can be lost."""
    if not profile.is_on_servers(settings):
        return
    import sqlalchemy as sa

    spark.sql("SHOW NAMESPACES IN lake")  # makes the catalog's own tables
    engine = profile.catalog_engine(settings)
    try:
        with engine.begin() as db:
            for statement in _GUARD:
                db.execute(sa.text(statement))
    except sa.exc.OperationalError as error:
        raise profile.unreachable(settings) from error
    finally:
        engine.dispose()
