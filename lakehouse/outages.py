"""What a server that is away, full or refusing makes of Spark's and Java's errors: one sentence for the operator.

Such an error comes as a stack of Java with the cause somewhere inside. Its text may quote rows, so nothing of it is
shown but addresses of our own settings, and the names of a table and of its file.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from lakehouse import profile
from lakehouse.commit_guard import UNKNOWN
from lakehouse.errors import Conflict, EnvironmentFailed, LakeError
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings

_ASK_SECONDS = 3
_SKEW_SECONDS = 60
_AGAIN = "Nothing half-done is visible: run it again once that is mended."
_CLOCK = re.compile(
    r"RequestTimeTooSkewed|request time and the server's time is too large|Invalid update timestamp|"
    r"Expected sorted (?:snapshot|previous metadata) log entries"
)
_S3 = re.compile(r"software\.amazon\.awssdk|\(Service: S3\b|AWS Error")
_FULL = re.compile(r"Status Code: 507|XMinioStorageFull|minimum free drive threshold|HTTP response code 507")
_REFUSED = re.compile(r"Status Code: 40[13]\b|ACCESS_DENIED|HTTP response code 40[13]\b")
_AWAY = re.compile(r"Unable to execute HTTP request|Status Code: 50[0234]\b|NETWORK_CONNECTION|HTTP response code 50\d")
_DATABASE = re.compile(r"org\.postgresql\.util\.PSQLException|org\.postgresql\.\S+Exception|\(psycopg\.\w*Error\)")
_DATABASE_AWAY = re.compile(
    r"Failed to connect|[Cc]onnection (to \S+ )?(refused|has been closed|reset)|I/O error|"
    r"terminating connection|the database system is|server closed the connection|EOFException|connection failed|"
    r"authentication failed|the connection is (lost|closed)"
)
_DAMAGED = re.compile(
    r"Failed to (?:fetch|open|read) (?:Parquet )?file|ParquetDecodingException|is not a Parquet file|"
    r"NotFoundException: Location does not exist|Status Code: (?:404|416)|could not verify page|could not decompress|"
    r"can not read class \S*parquet|FileNotFoundException|InvalidAvroMagicException|Not an Avro data file"
)
_PLACE = re.compile(r"(?:s3:/|file:)?/[^\s'\"\],)]+")


def explain(error: BaseException, settings: Settings, reads: Iterable[str] = ()) -> LakeError | None:
    """The error as a sentence, if a server or a damaged file is behind it; None where something else is.

    `reads` are the tables that were being read, to be named where the error itself names no file.
    """
    text = "\n".join(_texts(error))
    if _CLOCK.search(text):
        return _clock()
    if profile.is_on_servers(settings):
        if _S3.search(text):
            for pattern, failure in ((_FULL, _is_full), (_REFUSED, _refuses), (_AWAY, _is_away)):
                if pattern.search(text):
                    return failure(settings)
        if UNKNOWN in text or ("JdbcTableOperations.doCommit" in text and _DATABASE.search(text)):
            return Conflict(
                f"The connection to PostgreSQL at {settings.postgres} broke in a commit, which may have happened or "
                f"not. Nothing is half-done: run it again."
            )
        if _DATABASE.search(text) and _DATABASE_AWAY.search(text):
            return profile.unreachable(settings)
    return _damage(text, settings, reads) if _DAMAGED.search(text) else None


@contextmanager
def explained(settings: Settings, *reads: str) -> Iterator[None]:
    """Raise what `explain` makes of an error of Spark's in the place of that error."""
    try:
        yield
    except LakeError:
        raise
    except Exception as error:
        failure = explain(error, settings, reads)
        if failure is None:
            raise
        raise failure from error


def can_be_reached(settings: Settings) -> bool:
    """Whether somebody listens where the servers are; embedded there are none to be away."""
    if not profile.is_on_servers(settings):
        return True
    for address in (settings.s3, f"//{settings.postgres}"):
        parts = urlsplit(address)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((parts.hostname or "", port), _ASK_SECONDS).close()
        except OSError:
            return False
    return True


def check_object_store(settings: Settings) -> None:
    """Raise EnvironmentFailed where the object store does not answer or refuses us.

    Asked before a command begins, for inside one Iceberg waits two minutes for a store to come back.
    """
    if not profile.is_on_servers(settings):
        return
    from minio import Minio
    from minio.credentials.providers import StaticProvider
    from minio.error import MinioException, S3Error
    from urllib3 import PoolManager, Timeout
    from urllib3.exceptions import HTTPError
    from urllib3.util import Retry

    parts = urlsplit(settings.s3)
    # A store that has just started answers 503 for a moment.
    retries = Retry(4, backoff_factor=0.1, status_forcelist=(503,))
    pool = PoolManager(timeout=Timeout(_ASK_SECONDS), retries=retries)
    client = Minio(
        endpoint=parts.netloc,
        credentials=StaticProvider(settings.s3_user, read_secret(settings, f"minio-{settings.s3_user}")),
        secure=parts.scheme == "https",
        region=settings.s3_region,
        http_client=pool,
    )
    try:
        _check_clock(pool.request("HEAD", settings.s3).headers.get("Date"))
        is_there = client.bucket_exists(bucket_name=settings.bucket)
    except S3Error as error:
        raise _refuses(settings) if error.response.status in (401, 403) else _is_away(settings) from error
    except (MinioException, HTTPError, OSError) as error:
        raise _is_away(settings) from error
    if not is_there:
        raise EnvironmentFailed(
            f"The object store at {settings.s3} has no bucket {settings.bucket} (LAKE_BUCKET): `make stack-up`."
        )


def _check_clock(told: str | None) -> None:
    """Raise where the store's clock is not ours: Iceberg refuses a commit a minute before a table's last one."""
    if told and abs((parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()) > _SKEW_SECONDS:
        raise _clock()


def _texts(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        error = error.__cause__ or error.__context__


def _clock() -> EnvironmentFailed:
    return EnvironmentFailed(
        f"The clock of this machine differs from that of the object store, or is behind a table's last commit: set it "
        f"right (chrony, ntpd). {_AGAIN}"
    )


def _is_full(settings: Settings) -> EnvironmentFailed:
    return EnvironmentFailed(f"The object store at {settings.s3} has no space left: make room on its disk. {_AGAIN}")


def _refuses(settings: Settings) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"The object store at {settings.s3} refuses {settings.s3_user}: LAKE_S3_USER and the secret "
        f"minio-{settings.s3_user} (LAKE_SECRETS) have to be those of this store. {_AGAIN}"
    )


def _is_away(settings: Settings) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"The object store at {settings.s3} does not answer (LAKE_S3); `make stack-status` shows what runs, "
        f"`make stack-up` starts what is down. {_AGAIN}"
    )


def _damage(text: str, settings: Settings, reads: Iterable[str]) -> EnvironmentFailed | None:
    top = profile.warehouse(settings).removeprefix("s3:/").rstrip("/") + "/"
    for place in _PLACE.findall(text):
        schema, _, rest = place.removeprefix("s3:/").removeprefix("file:").removeprefix(top).partition("/")
        table, _, file = rest.partition("/")
        if top in place and file:
            return _damaged(f"A file of {schema}.{table}", f" ({file.rpartition('/')[2]})")
    tables = list(reads)
    return _damaged(f"A file of one of {', '.join(tables)}", "") if tables else None


def _damaged(what: str, name: str) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"{what} is missing or damaged{name}: no rows were taken from it. See `A damaged file` in "
        f"infra/runbooks/faults.md, which says how to get the earlier version back."
    )
