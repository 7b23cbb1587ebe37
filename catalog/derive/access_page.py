"""What each role sees, as people read it: the page docs/access.md, and rows for the command line."""

from collections.abc import Mapping

from catalog.model import Table
from catalog.roles import EXCEPTIONS, MATRIX, ROLES, How, Role, content_of, how_of, parts_of

_FRAME = """# Who sees what

Generated from [catalog/roles.py](../catalog/roles.py) by `make docs`. Every column of every table has a sensitivity
tag in its declaration ([catalog/docs](../catalog/docs/README.md)); tags, told apart by what a column holds, decide
what each role sees of it. Trino enforces it, in the stack profile. An embedded lake keeps the role of an account and
shows all of the lake to whoever may read its folder.

Nobody writes through Trino, whatever the role. [Why it is so](../infra/decisions/roles.md).

```console
$ lake account add ann --role analyst
$ lake access show --role analyst silver.patient
```

`lake access apply` writes Trino's rules again after declarations have changed, `--dry-run` shows what would be
different.

## Roles

{roles}

## What is left of a value

{matrix}

- **pseudonym**: a keyed hash of 32 digits, the same for the same value in all tables: joins work. It can't be turned
  back by those who ask, and changes everywhere if the key does (the secret `trino-pseudonym-key`).
- **year**: the first instant of the year. **Year, none beyond 90 years ago**: whoever was born earlier shows that
  year.
- **first 3 digits** of a US postal code; `000` for areas of 20,000 people or fewer, null for codes of other forms.
- **null**: the column is there and empty. So `count(family_name)` is 0 for an analyst: it says nothing about the
  data.
- **refused**: a query that names the column fails.

{exceptions}

## What else holds for all

- Branches and older snapshots (`FOR VERSION AS OF`) are masked as the table itself is.
- `table$snapshots`, `$history` and `$refs` are for administrators, compliance officers and engineers; `$files`,
  `$partitions` and the like hold least and greatest values of columns, and are for nobody.
- Queries of others are seen by administrators and compliance officers alone: SQL may hold values of patients.
- Table functions and procedures of connectors are refused; so is a column of a live table that no declaration knows.
- The dashboard asks for whoever is logged in, in that person's role, but not for administrators, who take a second
  account for what is not administration. In its own name it sees sizes of tables, and for metrics and the page on the
  system the runs, checks and held back records, as operations does.
- Names of tables and columns that a role may not read do not show in its listings.
"""


def page() -> str:
    """The page of all roles."""
    roles = ["| role | who | reads | deleted rows |", "| --- | --- | --- | --- |"]
    roles += [f"| {r.name} | {r.doc} | {_reads(r)} | {'yes' if r.sees_deleted else 'no'} |" for r in ROLES.values()]
    matrix = ["| what a column holds | " + " | ".join(ROLES) + " |", "| --- |" + " --- |" * len(ROLES)]
    matrix += [
        f"| {content.value} | " + " | ".join(hows[role].value for role in ROLES) + " |"
        for content, hows in MATRIX.items()
    ]
    exceptions = [f"- `{t}.{c}` for the {role}: {how.value}." for (role, t, c), how in EXCEPTIONS.items()]
    return _FRAME.format(
        roles="\n".join(roles), matrix="\n".join(matrix), exceptions="Exceptions:\n\n" + "\n".join(exceptions)
    )


def tables_seen(role: Role, tables: Mapping[str, Table]) -> list[list[str]]:
    """A row a table that the role may read: its rows, and how many columns are whole, changed and refused."""
    rows = []
    for table in tables.values():
        if not role.may_read(table.name):
            continue
        seen = [_seen(role, table, column.name) for column in table.columns]
        whole, refused = seen.count(How.WHOLE.value), seen.count(How.NOTHING.value)
        counts = (whole, len(seen) - whole - refused, refused)
        live = "live" if table.has("is_deleted") and not role.sees_deleted else "all"
        rows.append([table.name, live, *(str(count) for count in counts)])
    return rows


def columns_seen(role: Role, table: Table) -> list[list[str]]:
    """A row a column: its name, tag, what it holds, and what the role sees of it."""
    return [[c.name, c.tag.value, content_of(table, c).value, _seen(role, table, c.name)] for c in table.columns]


def _seen(role: Role, table: Table, name: str) -> str:
    column = table.column(name)
    how, parts = how_of(role, table, column), parts_of(table, column)
    if parts is None or how in (How.NULL, How.NOTHING):
        return how.value
    said = {part: role.how(content) for part, content in parts.items()}
    if all(how is How.WHOLE for how in said.values()):
        return How.WHOLE.value
    return ", ".join(f"{part}: {how.value}" for part, how in said.items() if how is not How.WHOLE)


def _reads(role: Role) -> str:
    return ", ".join((*role.reads, "runs and quality" if "commands" in role.control else "runs"))
