"""Makes `lakehouse/jars.lock.toml` again from the versions that stand in it.

To move a jar, change its version in the lock and run ``python infra/relock_jars.py spark``. To move Synthea, give the
list of jars that Maven resolves, made with a `pom.xml` whose only dependency is `org.mitre.synthea:synthea`::

    mvn -q dependency:list -DincludeScope=runtime -DoutputFile=list.txt
    python infra/relock_jars.py synthea --maven-list list.txt

Each jar is fetched twice over its life here: now, compared with the SHA-1 that the repository publishes beside it, and
by everyone who installs, compared with what this script wrote. Look at the difference before you commit it.
"""

import argparse
import hashlib
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lakehouse.jars import LOCK_FILE, Jar, read_lock
from lakehouse.settings import Settings

LOCK = Path(__file__).resolve().parents[1] / "lakehouse" / LOCK_FILE
HEAD = "# Made by infra/relock_jars.py: do not edit by hand, except a version before making it again.\n"


def maven_list(text: str) -> list[Jar]:
    """Jars, without hash and size, out of what `mvn dependency:list` writes."""
    found = re.findall(r"^\s+([\w.-]+):([\w.-]+):jar:([\w.-]+):(?:compile|runtime)\b", text, re.MULTILINE)
    return [Jar(group, artifact, version, sha256="", size=0) for group, artifact, version in sorted(found)]


def pinned(jar: Jar, base_url: str) -> Jar:
    """The jar with the SHA-256 and size of what the repository serves, after a look at its published SHA-1."""
    address = f"{base_url.rstrip('/')}/{jar.path}"
    with urllib.request.urlopen(address, timeout=300) as answer:  # noqa: S310 - the maintainer's own setting
        body = answer.read()
    with urllib.request.urlopen(f"{address}.sha1", timeout=60) as answer:  # noqa: S310
        published = answer.read().decode().split()[0]
    if hashlib.sha1(body, usedforsecurity=False).hexdigest() != published:
        raise SystemExit(f"{jar.file_name} does not match its published SHA-1: nothing was written.")
    return Jar(jar.group, jar.artifact, jar.version, hashlib.sha256(body).hexdigest(), len(body))


def lock_text(groups: dict[str, tuple[Jar, ...]]) -> str:
    """The lock file: one table a group, one line a jar."""
    parts = [HEAD]
    for name, jars in groups.items():
        lines = [
            f'"{jar.group}:{jar.artifact}:{jar.version}" = {{ sha256 = "{jar.sha256}", size = {jar.size} }}\n'
            for jar in jars
        ]
        parts.append(f"[{name}]\n" + "".join(lines))
    return "\n".join(parts)


def main() -> None:
    """Pin one group again and write the lock."""
    parser = argparse.ArgumentParser(description="Make lakehouse/jars.lock.toml again.")
    parser.add_argument("group", choices=sorted(read_lock()))
    parser.add_argument("--maven-list", type=Path, help="what `mvn dependency:list` wrote")
    options = parser.parse_args()
    groups = read_lock(LOCK.read_text(encoding="utf-8"))
    jars = maven_list(options.maven_list.read_text()) if options.maven_list else list(groups[options.group])
    with ThreadPoolExecutor(4) as pool:
        again = pool.map(lambda jar: pinned(jar, Settings().maven_url), jars)
        groups[options.group] = tuple(again)
    LOCK.write_text(lock_text(groups), encoding="utf-8")
    print(f"{options.group}: {len(jars)} jars, {sum(jar.size for jar in groups[options.group]) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
