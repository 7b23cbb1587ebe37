"""What differs between the embedded lake and one on servers: the only module that asks which profile it is.

Embedded, the catalog and the control database are SQLite files and tables are folders in LAKE_HOME. In the stack, both
databases are PostgreSQL's (of the lake `lake`: `lake_catalog` and `lake_control`) and tables are objects in a bucket.
Everything else is the same code.
"""

# SQLAlchemy is imported where it is needed: `lake --help` and spark-submit's first step know nothing of databases.

from typing import TYPE_CHECKING

from lakehouse.errors import EnvironmentFailed
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import sqlalchemy as sa
    from pyiceberg.catalog.sql import SqlCatalog

_SPARK = "spark.sql.catalog.lake"
_CONNECT_SECONDS = 5
_DASHBOARD = "lake_dashboard"
_PASSWORD, _KEY = _SECRETS = "jdbc.password", "s3.secret-access-key"
SPARK_PLACE = tuple(
    f"{_SPARK}.{name}"
    for name in (
        "uri", "warehouse", "jdbc.user", "io-impl", "client.region",
        "s3.endpoint", "s3.path-style-access", "s3.access-key-id", *_SECRETS,
    )
)  # fmt: skip
"""Spark settings that say where the catalog `lake` is and how to get in."""


def is_on_servers(settings: Settings) -> bool:
    """Whether several machines share this lake, so that files in LAKE_HOME are not seen by all who use it."""
    return settings.profile == "stack"


def as_dashboard(settings: Settings) -> Settings:
    """The same lake for pages: on servers as their own user, who has the rights that they need and asks for people.

    A user whom the settings name stays.
    """
    return _changed(settings, {"postgres_user": "", "trino_user": ""}, _DASHBOARD)


def as_jobs(settings: Settings) -> Settings:
    """The same lake for what a page starts: the user of jobs again."""
    return _changed(settings, {"postgres_user": _DASHBOARD, "trino_user": _DASHBOARD}, "")


def _changed(settings: Settings, told: dict[str, str], user: str) -> Settings:
    """The users that are those told (empty: the default) become another."""
    if not is_on_servers(settings):
        return settings
    usual = {name: str(type(settings).model_fields[name].default) for name in told}
    update = {
        name: user or usual[name] for name, said in told.items() if getattr(settings, name) == (said or usual[name])
    }
    return settings.model_copy(update=update)


def warehouse(settings: Settings) -> str:
    """Where tables are: a folder, or a place in the bucket."""
    return f"s3://{settings.bucket}/{settings.name}" if is_on_servers(settings) else str(settings.warehouse)


def catalog_database(settings: Settings) -> str:
    """On servers, PostgreSQL's database of the Iceberg catalog."""
    return f"{settings.name}_catalog"


def control_database(settings: Settings) -> str:
    """On servers, PostgreSQL's database of runs, lineage and quality."""
    return f"{settings.name}_control"


def spark_catalog(settings: Settings) -> dict[str, str]:
    """Where Spark finds the catalog `lake` and its files; no secrets.

    Their names are there: Spark's event log blackens only settings that the context knows when it starts.
    """
    if not is_on_servers(settings):
        uri = f"jdbc:sqlite:{settings.catalog_db}?busy_timeout=60000"
        return {f"{_SPARK}.uri": uri, f"{_SPARK}.warehouse": warehouse(settings)}
    said = {
        "uri": f"jdbc:postgresql://{settings.postgres}/{catalog_database(settings)}?connectTimeout={_CONNECT_SECONDS}",
        "warehouse": warehouse(settings),
        "jdbc.user": settings.postgres_user,
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "client.region": settings.s3_region,
        "s3.endpoint": settings.s3,
        "s3.path-style-access": "true",  # buckets have no host names of their own here
        "s3.access-key-id": settings.s3_user,
        **dict.fromkeys(_SECRETS, ""),
    }
    return {f"{_SPARK}.{name}": value for name, value in said.items()}


def spark_secrets(settings: Settings) -> dict[str, str]:
    """How Spark gets in: for a running session alone, since what starts a JVM can be read in the list of processes."""
    if not is_on_servers(settings):
        return {}
    return {
        f"{_SPARK}.{_PASSWORD}": read_secret(settings, f"postgres-{settings.postgres_user}"),
        f"{_SPARK}.{_KEY}": read_secret(settings, f"minio-{settings.s3_user}"),
    }


def jar_groups(settings: Settings) -> tuple[str, ...]:
    """The groups of the jar lock that Spark needs."""
    return ("spark", "stack") if is_on_servers(settings) else ("spark",)


def iceberg_catalog(settings: Settings) -> "SqlCatalog":
    """The Iceberg catalog `lake` as PyIceberg sees it: the same tables that Spark and the SQL engines see."""
    import sqlalchemy as sa
    from pyiceberg.catalog.sql import SqlCatalog

    if not is_on_servers(settings):
        settings.root.mkdir(parents=True, exist_ok=True)
        return SqlCatalog("lake", uri=f"sqlite:///{settings.catalog_db}", warehouse=f"file://{settings.warehouse}")
    try:
        return SqlCatalog(
            "lake",
            **{
                "uri": _postgres(settings, catalog_database(settings)).render_as_string(hide_password=False),
                "warehouse": warehouse(settings),
                "pool_pre_ping": "true",
                "s3.endpoint": settings.s3,
                "s3.region": settings.s3_region,
                "s3.access-key-id": settings.s3_user,
                "s3.secret-access-key": read_secret(settings, f"minio-{settings.s3_user}"),
            },
        )
    except sa.exc.OperationalError as error:
        raise unreachable(settings) from error


def control_engine(settings: Settings) -> "sa.Engine":
    """A connection pool on the control database; nothing is opened yet.

    Raises EnvironmentFailed where the folder of the embedded one can't be made.
    """
    import sqlalchemy as sa

    if is_on_servers(settings):
        return _engine(settings, control_database(settings))
    try:
        settings.control_db.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise no_control(settings) from error
    return sa.create_engine(f"sqlite:///{settings.control_db}", connect_args={"timeout": 60})


def catalog_engine(settings: Settings) -> "sa.Engine":
    """A connection pool on the database of the Iceberg catalog; nothing is opened yet."""
    import sqlalchemy as sa

    if is_on_servers(settings):
        return _engine(settings, catalog_database(settings))
    return sa.create_engine(f"sqlite:///{settings.catalog_db}", connect_args={"timeout": 60})


def has_catalog(settings: Settings) -> bool:
    """Whether the catalog has been made; raises EnvironmentFailed where its server does not answer."""
    if not is_on_servers(settings):
        return settings.catalog_db.exists()
    return _has_table(settings, catalog_engine(settings), "iceberg_tables")


def has_control(settings: Settings) -> bool:
    """Whether the control database has been made; raises EnvironmentFailed where its server does not answer."""
    if not is_on_servers(settings):
        return settings.control_db.exists()
    return _has_table(settings, control_engine(settings), "runs")


def place(settings: Settings) -> str:
    """Where the lake is, in words for people."""
    return f"{warehouse(settings)} ({settings.s3})" if is_on_servers(settings) else str(settings.root)


def unreachable(settings: Settings) -> EnvironmentFailed:
    """What to say where PostgreSQL does not let us in."""
    return EnvironmentFailed(
        f"PostgreSQL at {settings.postgres} does not answer {settings.postgres_user} (LAKE_POSTGRES, LAKE_SECRETS); "
        f"`make stack-status` shows what runs."
    )


def no_control(settings: Settings) -> EnvironmentFailed:
    """What to say where the control database can't be opened."""
    if is_on_servers(settings):
        return unreachable(settings)
    return EnvironmentFailed(
        f"The control database {settings.control_db} can't be written; free the disk or set LAKE_HOME to a folder you "
        f"can write."
    )


def _has_table(settings: Settings, engine: "sa.Engine", table: str) -> bool:
    import sqlalchemy as sa

    try:
        return sa.inspect(engine).has_table(table)
    except sa.exc.OperationalError as error:
        raise unreachable(settings) from error
    finally:
        engine.dispose()


def _engine(settings: Settings, database: str) -> "sa.Engine":
    import sqlalchemy as sa

    return sa.create_engine(
        _postgres(settings, database),
        pool_pre_ping=True,  # a server that was restarted is met with a new connection, not with an error
        hide_parameters=True,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )


def _postgres(settings: Settings, database: str) -> "sa.URL":
    import sqlalchemy as sa

    host, _, port = settings.postgres.rpartition(":")
    password = read_secret(settings, f"postgres-{settings.postgres_user}")
    return sa.URL.create("postgresql+psycopg", settings.postgres_user, password, host.strip("[]"), int(port), database)
