"""Trino's files of access: rules derived from the declarations, and the people of this lake with role and password.

They are written whole and replaced in one step; Trino reads them again within a second. A file that it can't read lets
nobody in.
"""

import difflib
import json
import os
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.derive.trino_rules import trino_rules
from catalog.registry import TABLES
from catalog.roles import ROLES
from lakehouse.accounts import Account, open_accounts
from lakehouse.errors import EnvironmentFailed
from lakehouse.evolve import live_table
from lakehouse.profile import has_catalog, iceberg_catalog, is_on_servers
from lakehouse.settings import Settings

_RULES, _GROUPS, _PASSWORDS = "rules.json", "group.txt", "password.db"


@dataclass(frozen=True)
class Access:
    """The three files of one folder of configuration, as text by name; what Trino reads or what it should."""

    folder: Path
    files: Mapping[str, str]

    @property
    def people(self) -> dict[str, str]:
        """The role of each user by name."""
        lines = (line.partition(":") for line in self.files[_GROUPS].split())
        return {name: role for role, _, names in lines for name in names.split(",") if name}

    @property
    def passwords(self) -> dict[str, str]:
        """The hash of each user by name."""
        return dict(line.partition(":")[::2] for line in self.files[_PASSWORDS].split())


def enforces(settings: Settings) -> bool:
    """Whether there is a Trino that holds people to their roles."""
    return is_on_servers(settings)


def present(settings: Settings) -> list[Access]:
    """What Trino reads now, by folder: of the processes of this machine, and of Docker, where they were set up.

    Raises EnvironmentFailed where neither was.
    """
    folders = _folders(settings)
    if not folders:
        raise EnvironmentFailed(f"There is no Trino in {settings.root / 'stack'} yet; `make stack-up` sets it up.")
    return [Access(f, {name: _text(f / name) for name in (_RULES, _GROUPS, _PASSWORDS)}) for f in folders]


def _folders(settings: Settings) -> list[Path]:
    stack = settings.root / "stack"
    return [f for f in (stack / "trino" / "etc", stack / "compose" / "trino") if (f / "config.properties").exists()]


def wanted(
    settings: Settings, now: Access, unknown: Mapping[str, Collection[str]], removed: str | None = None
) -> Access:
    """The same files as the declarations and accounts have them; users who have no account stay as they are.

    `unknown` are the columns that no declaration knows: see `undeclared`.
    """
    accounts = [a for a in open_accounts(settings).all() if a.trino_hash and a.name != removed]
    people = _merged(now.people, {a.name: a.role for a in accounts if a.role}, accounts, removed)
    passwords = _merged(now.passwords, {a.name: str(a.trino_hash) for a in accounts}, accounts, removed)
    roles = {role: sorted(name for name, own in people.items() if own == role) for role in ROLES}
    rules = trino_rules(people=people, undeclared=unknown)
    return Access(
        now.folder,
        {
            _RULES: json.dumps(rules, indent=1) + "\n",
            _GROUPS: "".join(f"{role}:{','.join(names)}\n" for role, names in roles.items() if names),
            _PASSWORDS: "".join(f"{name}:{said}\n" for name, said in passwords.items()),
        },
    )


def apply(settings: Settings, removed: str | None = None) -> list[Path]:
    """Bring the files up to date; `removed` is a user to forget. Returns the files that were written."""
    written, folders = [], present(settings)
    unknown = undeclared(settings)
    for now in folders:
        after = wanted(settings, now, unknown, removed)
        for name in (_RULES, _GROUPS, _PASSWORDS):  # the rules first: nobody gets a role before it has its limits
            if after.files[name] != now.files[name]:
                _replace(now.folder / name, after.files[name])
                written.append(now.folder / name)
    return written


def is_set_up(settings: Settings) -> bool:
    """Whether there is a Trino whose files lie in LAKE_HOME."""
    return enforces(settings) and bool(_folders(settings))


def difference(settings: Settings) -> str:
    """What `apply` would change, as a unified diff; of passwords only whose would."""
    said: list[str] = []
    folders, unknown = present(settings), undeclared(settings)
    for now in folders:
        after = wanted(settings, now, unknown)
        for name in (_RULES, _GROUPS):
            before, then = (side.files[name].splitlines(keepends=True) for side in (now, after))
            said += difflib.unified_diff(before, then, str(now.folder / name), "as declared")
        old, new = now.passwords, after.passwords
        said += [f"{now.folder / _PASSWORDS}: {n}\n" for n in sorted(old.keys() | new) if old.get(n) != new.get(n)]
    return "".join(said)


def undeclared(settings: Settings) -> dict[str, list[str]]:
    """Columns of live tables that no declaration knows, by table: they have no tag, so nobody may see them."""
    if not has_catalog(settings):
        return {}
    catalog, found = iceberg_catalog(settings), {}
    for table in TABLES.values():
        live = live_table(catalog, table)
        found[table.name] = [name for name in (live.columns if live else ()) if not table.has(name)]
    return {name: columns for name, columns in found.items() if columns}


def _merged(
    now: Mapping[str, str], ours: Mapping[str, str], accounts: list[Account], removed: str | None
) -> dict[str, str]:
    """Lines of users without an account as they are, then those of the accounts."""
    names = {account.name for account in accounts} | {removed}
    return {name: said for name, said in now.items() if name not in names} | dict(ours)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _replace(path: Path, text: str) -> None:
    """Write a file that only those read who read the one before, in one step."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    made = ""
    try:
        handle, made = tempfile.mkstemp(dir=path.parent)  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(made, mode)
        os.replace(made, path)
    except OSError as error:
        if made:
            Path(made).unlink(missing_ok=True)
        raise EnvironmentFailed(f"{path} can't be written ({error.strerror}); check who owns its folder.") from error
