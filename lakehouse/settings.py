"""The one Settings object: every knob, read once from the environment (prefix ``LAKE_``) and passed in."""

import json
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the lakehouse lives and how much of the machine it may use.

    Each field is an environment variable of the same name with the prefix ``LAKE_``, for example ``LAKE_HOME``.
    """

    model_config = SettingsConfigDict(env_prefix="LAKE_", frozen=True)

    profile: Literal["embedded"] = Field("embedded", description="Which set of servers; only `embedded` exists yet.")
    home: Path = Field(Path(".lake"), description="Folder of the embedded warehouse, catalog and caches.")
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
    as_of: str = Field("", pattern=r"^(\d{4}-\d\d-\d\d)?$", description="The run's clock as a UTC day; empty: today.")

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
        """Folder of the Iceberg tables' data and metadata."""
        return self.root / "warehouse"

    @property
    def catalog_db(self) -> Path:
        """SQLite file of the Iceberg JDBC catalog."""
        return self.root / "catalog.db"

    @property
    def control_db(self) -> Path:
        """SQLite file of run records, quality results and the ledger of files."""
        return self.root / "control.db"

    @property
    def cache_dir(self) -> Path:
        """Folder of jars and code lists."""
        return (self.cache or self.root / "cache").expanduser().absolute()

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a process that is started from here."""
        said = self.model_dump(mode="json") | {"home": str(self.root), "cache": str(self.cache_dir)}
        texts = {k: json.dumps(v) if isinstance(v, dict) else str(v) for k, v in said.items() if v is not None}
        return {f"LAKE_{name.upper()}": text for name, text in texts.items()}
