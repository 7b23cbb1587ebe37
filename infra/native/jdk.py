"""A JDK for Trino: newer than Spark's, and whole, since Trino needs a module that small runtimes leave out."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from lakehouse.errors import EnvironmentFailed
from lakehouse.java import JavaHome, ask_java, major_version

MODULE = "jdk.incubator.vector"
_INSTALLED = Path("/usr/lib/jvm")


def find_jdk(least: int, environ: Mapping[str, str] | None = None, installed: Path = _INSTALLED) -> JavaHome:
    """The first Java that fits of: TRINO_JAVA_HOME, JAVA_HOME, /usr/lib/jvm, `java` on the PATH.

    Raises EnvironmentFailed with the reason for each refusal.
    """
    refused: list[str] = []
    for source, executable in _candidates(os.environ if environ is None else environ, installed):
        found = ask_java(executable)
        if isinstance(found, str):
            refused.append(f"{source}: {found}")
            continue
        home, version = found
        if (major_version(version) or 0) < least:
            refused.append(f"{source}: Java {version}")
        elif not _has_module(executable):
            refused.append(f"{source}: Java {version} without the module {MODULE}")
        else:
            return JavaHome(home, version, source, tuple(refused))
    raise EnvironmentFailed(
        f"No JDK {least} or later with the module {MODULE} was found ({'; '.join(refused) or 'there is no Java'}): "
        "install one, such as Temurin 25, and set TRINO_JAVA_HOME to its folder."
    )


def _candidates(environ: Mapping[str, str], installed: Path) -> Iterator[tuple[str, Path]]:
    for name in ("TRINO_JAVA_HOME", "JAVA_HOME"):
        if home := environ.get(name):
            yield f"{name}={home}", Path(home) / "bin" / "java"
    seen: set[Path] = set()
    for executable in sorted(installed.glob("*/bin/java"), reverse=True):
        if executable.resolve() not in seen:  # distributions link the same one by several names
            seen.add(executable.resolve())
            yield str(executable.parent.parent), executable
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        yield f"java on the PATH ({on_path})", Path(on_path)


def _has_module(java: Path) -> bool:
    listed = subprocess.run(  # noqa: S603 - the user's own Java
        [str(java), "--list-modules"], capture_output=True, text=True, errors="replace", timeout=60
    )
    return any(line.partition("@")[0] == MODULE for line in listed.stdout.splitlines())
