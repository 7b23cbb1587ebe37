"""The servers of the stack without Docker: MinIO, PostgreSQL, Trino and a Spark cluster, as processes of a machine.

`python -m infra.native up|down|status|logs|reset`; `make stack-up` and the like call it. The list of servers is in
`services.py`, each server in a module of its own; versions and configuration templates are in `infra/stack`, shared
with `infra/compose.yaml`. How to work with it: infra/runbooks/stack.md.
"""
