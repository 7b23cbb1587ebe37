"""The one Settings object: every knob, read once from the environment (prefix ``LAKE_``) and passed in."""

import json
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_ADDRESS = r"^[\w.\-\[\]:]+:\d{1,5}$"
_URL = r"^https?://[^/@\s]+$"  # no user or password in it: those are secrets
_NAME = r"^[a-z][a-z0-9_-]*$"
_NO_PATH = "%#?,[]{}*"
"""What Spark or SQLite's addresses take for something else in a path; the embedded engine can't read a quote either."""


class Settings(BaseSettings):
    """Where the lakehouse lives and how much of the machine it may use.

    Each field is an environment variable of the same name with the prefix ``LAKE_``, for example ``LAKE_HOME``.
    """

    model_config = SettingsConfigDict(env_prefix="LAKE_", frozen=True)

    profile: Literal["embedded", "stack"] = Field(
        "embedded", description="`embedded`: all in HOME; `stack`: PostgreSQL, MinIO and Trino, as of `make stack-up`."
    )
    home: Path = Field(
        Path(".lake"), validate_default=True, description="Folder of the embedded warehouse, catalog and caches."
    )
    cache: Path | None = Field(None, description="Folder for jars and code lists; default `HOME/cache`.")
    cores: int = Field(0, ge=0, description="Threads that Spark may use; 0 means all cores of the machine.")
    driver_memory: str = Field("3g", pattern=r"^\d+[mg]$", description="Heap of the Spark driver, such as `3g`.")
    parallel_jobs: int = Field(4, ge=1, le=32, description="Jobs that run side by side in one Spark session.")
    maven_url: str = Field("https://repo1.maven.org/maven2", description="Where jars come from; a mirror goes here.")
    chunk_bytes: int = Field(16 << 20, ge=1 << 10, description="Bytes of a file that one task reads at a time.")
    max_record_bytes: int = Field(64 << 20, ge=1 << 10, description="A longer line or resource goes to quarantine.")
    openlineage: str = Field(
        "", description="Where OpenLineage events go: a file (JSON lines) or an http(s) URL; empty: nowhere."
    )
    time_zone: str = Field("UTC", description="Time zone of facilities (IANA name): what a day is in gold tables.")
    facility_time_zones: dict[str, str] = Field(
        {}, description='Other time zones by facility_key, as JSON: `{"hospital-1": "America/New_York"}`.'
    )
    planned_codes: Path | None = Field(
        None, description="CSV of planned procedures and diagnoses for readmissions; empty: the short list that ships."
    )
    query_seconds: int = Field(300, ge=1, description="A query of `lake sql` that takes longer is stopped.")
    secrets: Path | None = Field(
        None, description="Folder with one file a secret, readable by its owner only; default `HOME/secrets`."
    )
    postgres: str = Field(
        "127.0.0.1:15432", pattern=_ADDRESS, description="Stack: host and port of the catalog and control databases."
    )
    postgres_user: str = Field("lake_etl", pattern=_NAME, description="Stack: who asks PostgreSQL.")
    s3: str = Field("http://127.0.0.1:19000", pattern=_URL, description="Stack: address of the object store.")
    s3_user: str = Field("lake_etl", pattern=_NAME, description="Stack: access key of the object store.")
    s3_region: str = Field("us-east-1", description="Stack: region of the object store.")
    name: str = Field(
        "lake",
        pattern=r"^[a-z][a-z0-9_]{0,50}$",
        description="Stack: this lake's name; databases NAME_catalog and NAME_control, objects in BUCKET/NAME.",
    )
    bucket: str = Field("lake", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="Stack: bucket of the lake.")
    trino: str = Field("https://127.0.0.1:18443", pattern=_URL, description="Stack: address of Trino.")
    trino_user: str = Field("", description="Stack: who asks Trino; empty: the operating system's user.")
    trino_ca: Path | None = Field(
        None, description="Stack: certificate authority of Trino; default `HOME/stack/tls/ca.pem`."
    )
    spark_master: str = Field(
        "", description="Where Spark runs, such as `spark://127.0.0.1:17077`; empty: threads of this process."
    )
    executor_memory: str = Field(
        "1g", pattern=r"^\d+[mg]$", description="Heap of each executor where Spark runs on a cluster."
    )
    as_of: str = Field("", pattern=r"^(\d{4}-\d\d-\d\d)?$", description="The run's clock as a UTC day; empty: today.")

    @field_validator("home", "cache")
    @classmethod
    def _every_part_can_read_the_path(cls, value: Path | None, field: ValidationInfo) -> Path | None:
        """Refuse a folder that Spark and SQLite would take for another one, or for several."""
        path = str(value.expanduser().absolute()) if value else ""
        refused = _NO_PATH + ('"' if field.field_name == "home" else "")
        if bad := "".join(sorted({c for c in path if c in refused or not c.isprintable()})):
            raise ValueError(f"the path {path!r} has {bad!r} in it, which not every part can read: use another folder")
        return value

    @field_validator("time_zone", "facility_time_zones")
    @classmethod
    def _zones_are_known(cls, value: str | dict[str, str]) -> str | dict[str, str]:
        """Refuse a name that the IANA database does not have."""
        for name in [value] if isinstance(value, str) else value.values():
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError(f"{name!r} is no time zone of the IANA database, such as America/New_York") from error
        return value

    @property
    def root(self) -> Path:
        """The absolute `home`."""
        return self.home.expanduser().absolute()

    @property
    def warehouse(self) -> Path:
        """Embedded: folder of the Iceberg tables' data and metadata."""
        return self.root / "warehouse"

    @property
    def catalog_db(self) -> Path:
        """Embedded: SQLite file of the Iceberg JDBC catalog."""
        return self.root / "catalog.db"

    @property
    def control_db(self) -> Path:
        """Embedded: SQLite file of run records, quality results and the ledger of files."""
        return self.root / "control.db"

    @property
    def cache_dir(self) -> Path:
        """Folder of jars and code lists."""
        return (self.cache or self.root / "cache").expanduser().absolute()

    @property
    def secrets_dir(self) -> Path:
        """Folder of the files with secrets."""
        return (self.secrets or self.root / "secrets").expanduser().absolute()

    @property
    def trino_ca_file(self) -> Path:
        """Certificate authority that signed Trino's certificate."""
        return (self.trino_ca or self.root / "stack" / "tls" / "ca.pem").expanduser().absolute()

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a process that is started from here."""
        said = self.model_dump(mode="json") | {"home": str(self.root), "cache": str(self.cache_dir)}
        texts = {k: json.dumps(v) if isinstance(v, dict) else str(v) for k, v in said.items() if v is not None}
        return {f"LAKE_{name.upper()}": text for name, text in texts.items()}
