"""What `infra/compose.yaml` mounts: the same templates, with the names that the servers have among themselves there."""

import os

from infra.native.object_store import USERS
from infra.native.postgres import ADMIN, ROLES
from infra.native.secret_files import make_folder, secret
from infra.native.stack import Address, Stack, render, write_private
from infra.native.tls import ensure_certificates
from infra.native.trino_server import write_configuration

_POSTGRES, _MINIO, _TRINO = Address("postgres", 5432), Address("minio", 9000), Address("trino", 8443)


def configure(stack: Stack) -> None:
    """Write HOME/stack/compose, certificates and secrets; nothing is started."""
    make_folder(stack)
    folder = stack.folder / "compose"
    for name in ("postgres", "minio", "trino"):  # Docker would make them, and give them to root
        (folder / "data" / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    ensure_certificates(stack.folder / "tls", [stack.trino.host, _TRINO.host])
    for name in (*(f"postgres-{r}" for r in (ADMIN, *ROLES)), "minio-root", *(f"minio-{u}" for u in USERS)):
        secret(stack, name)
    write_configuration(
        stack,
        folder / "trino",
        {
            "etc": "/etc/trino",
            "data": "/data/trino",
            "plugins": "/usr/lib/trino/plugin",
            "tls": "/etc/carelake/tls",
            "bind": "0.0.0.0",  # noqa: S104 - of the container; compose publishes it on loopback alone
            "advertised": "127.0.0.1",
            "port": _TRINO.port,
            "postgres": _POSTGRES,
            "s3": f"http://{_MINIO}",
        },
    )
    sizes = {
        "connections": stack.sizes["POSTGRES_CONNECTIONS"],
        "shared_buffers": stack.sizes["POSTGRES_SHARED_BUFFERS"],
    }
    places = {"bind": "*", "port": _POSTGRES.port, "etc": "/etc/carelake/postgres", "clients": "samenet"}
    for name in ("postgresql.conf", "pg_hba.conf"):
        write_private(folder / "postgres" / name, render(f"postgres/{name}", **places, **sizes))
    write_private(
        folder / ".env",
        f"LAKE_STACK={stack.folder}\nLAKE_SECRETS_DIR={stack.settings.secrets_dir}\n"
        f"LAKE_UID={os.getuid()}\nLAKE_GID={os.getgid()}\nLAKE_S3_REGION={stack.settings.s3_region}\n"
        f"POSTGRES_PORT={stack.postgres.port}\nMINIO_PORT={stack.s3.port}\nTRINO_PORT={stack.trino.port}\n",
    )
