"""Every server of the stack, in the order in which people think of them."""

from infra.native.object_store import minio
from infra.native.ports import check_free
from infra.native.postgres import postgres
from infra.native.service import Service
from infra.native.spark_cluster import spark_master, spark_worker
from infra.native.stack import Stack
from infra.native.trino_server import trino
from lakehouse.errors import EnvironmentFailed, InputError

# Which setting says where a service listens; Spark's are all beside its master's.
SETTINGS = {"postgres": "LAKE_POSTGRES", "minio": "LAKE_S3", "trino": "LAKE_TRINO"}
_SPARK = "LAKE_SPARK_MASTER"


def setting_of(service: Service) -> str:
    """The setting that says where a service listens."""
    return SETTINGS.get(service.name, _SPARK)


def all_services(stack: Stack) -> list[Service]:
    """The servers of a stack; raises where one would listen beyond loopback without TLS."""
    workers = [spark_worker(stack, number) for number in range(1, int(stack.sizes["SPARK_WORKERS"]) + 1)]
    services = [postgres(stack), minio(stack), trino(stack), spark_master(stack), *workers]
    for service in services:
        for address in service.ports:
            if not address.is_loopback and service.name != "trino":
                raise EnvironmentFailed(
                    f"{service.name} would listen on {address}, beyond this machine and without TLS: set "
                    f"{setting_of(service)} to 127.0.0.1, or run it yourself on a server of its own."
                )
    return services


def named(services: list[Service], names: tuple[str, ...]) -> list[Service]:
    """The named services and no others, in their order; all where none is named."""
    known = [service.name for service in services]
    for name in names:
        if name not in known:
            raise InputError(f"There is no service {name}: there are {', '.join(known)}.")
    return [service for service in services if not names or service.name in names]


def choose(services: list[Service], names: tuple[str, ...]) -> list[Service]:
    """The named services and what they need, in their order; all where none is named."""
    known = {service.name: service for service in services}
    todo, wanted = [service.name for service in named(services, names)], set()
    while todo:
        name = todo.pop()
        wanted.add(name)
        todo += known[name].needs
    return [service for service in services if service.name in wanted]


def check_ports(service: Service) -> None:
    """Raise EnvironmentFailed where another process has a port of the service."""
    for address in service.ports:
        check_free(service.name, address, setting_of(service))
