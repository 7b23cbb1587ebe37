"""Is everything there that Carelake needs? One finding a thing, with a hint for each failure. Starts no JVM session."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

from lakehouse import profile
from lakehouse.errors import Conflict, LakeError
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `hint` says what to do when `ok` is false."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything in turn; a look that goes wrong is itself a finding."""
    looks: list[tuple[str, Callable[[Settings], Finding]]] = [
        ("Python", _python),
        ("Java", _java),
        ("Jars", _jars),
        ("Home", _home),
        ("Disk", _disk),
        ("Memory", _memory),
        ("Writer", _writer),
        ("Catalog", _catalog),
        ("Control", _control),
        ("SQL engine", _sql_engine),
        ("Declarations", _declarations),
    ]
    for name, look in looks:
        try:
            yield look(settings)
        except LakeError as error:
            yield Finding(name, False, "does not work", str(error))
        except Exception as error:
            yield Finding(name, False, type(error).__name__, "Unforeseen: `lake --debug doctor` shows where.")
    if profile.is_on_servers(settings):
        yield from stack_findings(settings)
        yield from _access_rules(settings)


def stack_findings(settings: Settings) -> list[Finding]:
    """Whether PostgreSQL, MinIO, Trino and, where one is set, the Spark master answer: what `lake health` asks."""
    from lakehouse.watch.health import SERVERS, Health

    return [Finding(part.name, part.is_up, part.said, part.detail) for part in Health(settings).look(SERVERS)]


def _access_rules(settings: Settings) -> Iterator[Finding]:
    """Whether Trino's rules are those of the declarations, where this machine has its files."""
    from lakehouse.trino_access import difference, is_set_up

    if not is_set_up(settings):
        return
    try:
        differs = difference(settings)
    except LakeError as error:
        yield Finding("Access rules", False, str(error))
        return
    said = "differ from the declarations and accounts" if differs else "are those of the declarations"
    yield Finding("Access rules", not differs, said, "`lake access apply` writes them again.")


def _python(settings: Settings) -> Finding:
    packages = ", ".join(f"{p} {version(p)}" for p in ("pyspark", "pyiceberg", "duckdb", "soda-core"))
    return Finding(
        "Python", sys.version_info[:2] == (3, 11), f"{sys.version.split()[0]}; {packages}", "Use Python 3.11."
    )


def _java(settings: Settings) -> Finding:
    from lakehouse.java import find_java

    java = find_java()
    return Finding("Java", True, f"{java.version} ({java.source})")


def _jars(settings: Settings) -> Finding:
    from lakehouse.jars import read_lock

    folder = settings.cache_dir / "jars"
    jars = [jar for group in profile.jar_groups(settings) for jar in read_lock()[group]]
    missing = [j for j in jars if not (folder / j.file_name).is_file()]
    if not missing:
        return Finding("Jars", True, f"{len(jars)} in {folder}")
    size = sum(j.size for j in missing) / 1e6
    return Finding("Jars", True, f"{len(missing)} of {len(jars)} will be fetched at first use ({size:.0f} MB)")


def _home(settings: Settings) -> Finding:
    hint = "Set LAKE_HOME to a folder that you can write."
    try:
        settings.root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=settings.root):
            pass
    except OSError as error:
        return Finding("Home", False, f"{settings.root}: {error.strerror}", hint)
    return Finding("Home", True, str(settings.root))


def _disk(settings: Settings) -> Finding:
    from lakehouse.watch.health import LEAST_FREE_BYTES, disk_usage

    free, _ = disk_usage(settings)
    return Finding("Disk", free >= LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB free", "Free some space: 2 GB at least.")


def _memory(settings: Settings) -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    amount, unit = int(settings.driver_memory[:-1]), settings.driver_memory[-1]
    wanted = amount << (30 if unit == "g" else 20)
    detail = f"{total / 1e9:.1f} GB; Spark's driver may use {settings.driver_memory}"
    return Finding("Memory", wanted < total * 0.8, detail, "Set LAKE_DRIVER_MEMORY lower, such as 2g.")


def _writer(settings: Settings) -> Finding:
    from lakehouse.lock import writing

    try:
        with writing(settings):
            return Finding("Writer", True, "no one is writing")
    except Conflict as error:
        return Finding("Writer", True, str(error))


def _catalog(settings: Settings) -> Finding:
    if not profile.has_catalog(settings):
        return Finding("Catalog", True, "no tables yet: `lake demo` or `lake ingest fhir PATH` makes them")
    catalog = profile.iceberg_catalog(settings)
    names = [name for space in catalog.list_namespaces() for name in catalog.list_tables(space)]
    return Finding("Catalog", True, f"{len(names)} tables in {profile.place(settings)}")


def _control(settings: Settings) -> Finding:
    import sqlalchemy as sa

    from lakehouse.control import open_control, runs

    count = open_control(settings).select(sa.select(sa.func.count().label("n")).select_from(runs))[0]["n"]
    return Finding("Control", True, f"{count} runs")


def _sql_engine(settings: Settings) -> Finding:
    from lakehouse.sql.engine import open_engine

    if not profile.has_catalog(settings):
        return Finding("SQL engine", True, "not tried: there are no tables yet")
    engine = open_engine(settings)
    try:
        engine.query("SELECT 1")
    finally:
        engine.close()
    asked = (
        settings.trino if profile.is_on_servers(settings) else f"DuckDB {version('duckdb')} with its Iceberg extension"
    )
    return Finding("SQL engine", True, asked)


def _declarations(settings: Settings) -> Finding:
    from catalog.derive.diff import Step
    from catalog.registry import TABLES
    from lakehouse.evolve import differences

    if not profile.has_catalog(settings):
        return Finding("Declarations", True, f"{len(TABLES)} tables declared")
    changes = [c for c in differences(settings, list(TABLES.values())) if c.step is not Step.CREATE]
    detail = f"{len(TABLES)} tables declared, {len(changes)} differences from the live ones"
    return Finding("Declarations", not changes, detail, "`lake tables --diff` shows them, `lake evolve` applies them.")
