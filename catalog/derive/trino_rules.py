"""Trino's file of access rules, from the declarations and the roles.

In each list the first rule that matches counts, and nothing is allowed where none matches. Rules name the tables: an
undeclared one, and Iceberg's `table$files` and the like, match none. Branches and old snapshots are read under the
table's own name, so its masks hold for them.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from catalog.derive.trino_masks import KEY, MASK_USER, mask, needs_key
from catalog.model import OPERATIONAL, Column, Table
from catalog.registry import TABLES
from catalog.roles import COMMANDS, CONTROL, ROLES, Content, How, Role, how_of, parts_of
from catalog.types import Text

DASHBOARD_USER = "lake_dashboard"
_HIDDEN = ("$path", "$partition", "$file_modified_time", "$row_id", "$last_updated_sequence_number")
"""Columns that each Iceberg table has besides its own: paths and partitions hold names of sources."""
_HISTORY = r"\$(history|snapshots|refs)"
"""What may be asked of a table's metadata, by those who run the lakehouse; the rest holds bounds of columns."""
_DENY: dict[str, Any] = {"privileges": []}
Rule = dict[str, Any]


def trino_rules(
    tables: Mapping[str, Table] = TABLES,
    roles: Mapping[str, Role] = ROLES,
    people: Mapping[str, str] = {},
    undeclared: Mapping[str, Collection[str]] = {},
) -> dict[str, list[Rule]]:
    """The rules as a JSON object. `people` is the role of each account by name; `undeclared` are columns of live tables
    that no declaration knows, which nobody sees. Raises InvalidTable for a column that nobody decided on.
    """
    everyone = "|".join(roles)
    return {
        "catalogs": [
            {"user": MASK_USER, "catalog": "lake|control", "allow": "read-only"},
            {"group": everyone, "catalog": "lake|control|system", "allow": "read-only"},
            {"user": DASHBOARD_USER, "catalog": "lake|control", "allow": "read-only"},
            {"allow": "none"},
        ],
        "schemas": [{"owner": False}],
        "tables": [
            *_mask_user(tables),
            *(
                r
                for role in roles.values()
                for t in tables.values()
                for r in _lake(role, t, undeclared.get(t.name, ()))
            ),
            *(_control(role, table) for role in roles.values() for table in role.control),
            *_system(roles),
            _dashboard_sees_sizes(tables),
            *_dashboard_watches(tables, roles),
            _DENY,
        ],
        "queries": [*_queries(roles), {"group": everyone, "allow": ["execute"]}, *_dashboard_may_ask(), {"allow": []}],
        "impersonation": _impersonation(people),
        "system_information": _system_information(people),
        "system_session_properties": [
            {"group": _those(roles, stops_queries=True), "allow": True},
            {"property": "time_zone_id", "allow": True},
            {"allow": False},
        ],
        "catalog_session_properties": [{"allow": False}],
        "functions": [{"catalog": "system", "schema": "builtin", "privileges": ["EXECUTE"]}, _DENY],
        "procedures": [
            {
                "group": _those(roles, stops_queries=True),
                "catalog": "system",
                "schema": "runtime",
                "procedure": "kill_query",
                "privileges": ["EXECUTE"],
            },
            _DENY,
        ],
        "authorization": [{"new_user": ".*", "allow": False}],
    }


def _lake(role: Role, table: Table, undeclared: Collection[str]) -> list[Rule]:
    """The rules of one role for one table: the table, and for some its history."""
    if not role.may_read(table.name):
        return []
    place = {"group": role.name, "catalog": "lake", "schema": table.schema_name}
    columns = [_column(role, table, column) for column in table.columns]
    columns += [{"name": name, "allow": False} for name in sorted({*undeclared, *_hidden(role)})]
    rule: Rule = place | {"table": table.short_name, "privileges": ["SELECT"], "columns": [c for c in columns if c]}
    if not role.sees_deleted and table.has("is_deleted"):
        rule["filter"] = "NOT is_deleted"
    if not role.sees_deleted:
        return [rule]
    return [rule, place | {"table": table.short_name + _HISTORY, "privileges": ["SELECT"]}]


def _hidden(role: Role) -> tuple[str, ...]:
    return () if role.how(Content.RAW) is How.WHOLE else _HIDDEN


def _column(role: Role, table: Table, column: Column) -> Rule:
    """The limit on a column; empty where the role sees it as it is."""
    how = how_of(role, table, column)
    if how is How.NOTHING:
        return {"name": column.name, "allow": False}
    return _masked(column, mask(column, how, parts_of(table, column), role))


def _masked(column: Column, expression: str | None) -> Rule:
    if expression is None:
        return {}
    rights = {"mask_environment": {"user": MASK_USER}} if needs_key(expression) else {}
    return {"name": column.name, "mask": expression, **rights}


def _control(role: Role, table: str) -> Rule:
    """The rule of one role for one table of the control database."""
    columns: list[Rule] = []
    for name, content in CONTROL[table].items():
        how = role.how(content)
        if how is How.NOTHING:
            columns.append({"name": name, "allow": False})
        elif how is not How.WHOLE:
            column = Column(name, Text, doc=content.value, tag=OPERATIONAL)
            columns.append(_masked(column, mask(column, how, None, role)))
    place = {"group": role.name, "catalog": "control", "schema": "public", "table": table}
    return place | {"privileges": ["SELECT"], "columns": columns}


def _dashboard_sees_sizes(tables: Mapping[str, Table]) -> Rule:
    """The dashboard shows whoever is logged in how many rows there are; the rows it asks for in their name."""
    return {
        "user": DASHBOARD_USER,
        "catalog": "lake",
        "schema": _layers(tables),
        "table": r".*\$(snapshots|refs)",
        "privileges": ["SELECT"],
    }


def _dashboard_watches(tables: Mapping[str, Table], roles: Mapping[str, Role]) -> list[Rule]:
    """Metrics and the page on the system are asked for by nobody: they count what operations may read."""
    role, quarantine = roles["operations"], tables.get("ops.quarantine")
    rules = [_control(role, table) for table in ("runs", "run_counts", "quality_results", *COMMANDS)]
    rules += _lake(role, quarantine, ()) if quarantine else []
    return [{"user": DASHBOARD_USER} | {key: said for key, said in rule.items() if key != "group"} for rule in rules]


def _layers(tables: Mapping[str, Table]) -> str:
    return "|".join(dict.fromkeys(table.schema_name for table in tables.values()))


def _mask_user(tables: Mapping[str, Table]) -> list[Rule]:
    """Masks are computed with rights of their own: they read what they hide, and the key."""
    place = {"user": MASK_USER, "privileges": ["SELECT"]}
    return [
        place | {"catalog": "control", "schema": KEY[0], "table": KEY[1]},
        place | {"catalog": "control", "schema": "public"},
        place | {"catalog": "lake", "schema": _layers(tables)},
        {"user": MASK_USER, "privileges": []},
    ]


def _system(roles: Mapping[str, Role]) -> list[Rule]:
    """What drivers ask to list tables, and the running queries: Trino shows each only those that they may see."""
    everyone, place = "|".join(roles), {"catalog": "system", "privileges": ["SELECT"]}
    return [
        place | {"group": everyone, "schema": "jdbc"},
        place | {"group": everyone, "schema": "metadata", "table": "catalogs|table_comments"},
        place | {"group": everyone, "schema": "runtime", "table": "queries"},
        place | {"group": _those(roles, stops_queries=True), "schema": "runtime", "table": "nodes|tasks|transactions"},
    ]


def _queries(roles: Mapping[str, Role]) -> list[Rule]:
    """Who sees and stops queries of others; everyone does so with their own."""
    rules: list[Rule] = [{"user": MASK_USER, "allow": []}]
    for role in roles.values():
        allow = ["execute"] + ["kill"] * role.stops_queries + ["view"] * role.sees_queries
        rules += [{"group": role.name, "allow": allow}] if len(allow) > 1 else []
    return rules


def _dashboard_may_ask() -> list[Rule]:
    return [{"user": DASHBOARD_USER, "allow": ["execute"]}]


def _impersonation(people: Mapping[str, str]) -> list[Rule]:
    """The dashboard asks for people, by name; not for administrators, who see the queries of all."""
    names = [re.escape(name) for name, role in sorted(people.items()) if role != "administrator"]
    rules = [{"original_user": DASHBOARD_USER, "new_user": "|".join(names), "allow": True}] if names else []
    return [*rules, {"original_user": ".*", "new_user": ".*", "allow": False}]


def _system_information(people: Mapping[str, str]) -> list[Rule]:
    """Administrators and who reads metrics see how the server does; nobody shuts it down from afar."""
    names = [re.escape(name) for name, role in sorted(people.items()) if role == "administrator"]
    return [{"user": "|".join([DASHBOARD_USER, *names]), "allow": ["read"]}, {"allow": []}]


def _those(roles: Mapping[str, Role], *, stops_queries: bool) -> str:
    return "|".join(role.name for role in roles.values() if role.stops_queries == stops_queries)
