"""The servers of the stack without Docker: MinIO, PostgreSQL, Trino and a Spark cluster, as processes of this machine.

`python -m infra.native up|down|status|logs|reset`; `make stack-up` and the like call it. What is started, in which order
and how it is seen to be ready is in `services.py`; versions and configuration templates are in `infra/stack`, shared
with `infra/compose.yaml`. How to work with it: infra/runbooks/stack.md.
"""
