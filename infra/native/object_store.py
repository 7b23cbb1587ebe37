"""MinIO: one bucket for the lake, versioned, with a user for each who gets in."""

import json
import os
from typing import Any

from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, CopySource, Filter
from minio.credentials.providers import StaticProvider
from minio.error import MinioException, S3Error
from minio.lifecycleconfig import (
    Expiration,
    LifecycleConfig,
    NoncurrentVersionExpiration,
    Rule,
)
from minio.versioningconfig import VersioningConfig
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from infra.native import fetch, web
from infra.native.secret_files import secret
from infra.native.service import Launch, Say, Service
from infra.native.stack import Stack, render
from lakehouse.errors import EnvironmentFailed, InputError

NAME = "minio"
ROOT_USER = "lake_root"
USERS = ("lake_etl", "lake_trino")
NONCURRENT_DAYS = 7
_TIMEOUT_SECONDS = 20


def minio(stack: Stack) -> Service:
    """The object store."""
    return Service(
        name=NAME,
        ports=(stack.s3,),
        install=lambda say: _install(stack, say),
        prepare=lambda: _prepare(stack),
        is_ready=lambda: web.answers(f"http://{stack.s3}/minio/health/ready"),
        provision=lambda: provision(stack),
    )


def _install(stack: Stack, say: Say) -> None:
    fetch.build_minio(stack, say)


def _prepare(stack: Stack) -> Launch:
    data = stack.state(NAME) / "data"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret(stack, "minio-root")
    environment = {
        "HOME": str(stack.state(NAME)),  # else it makes ~/.minio
        "PATH": os.environ.get("PATH", ""),
        "MINIO_ROOT_USER": ROOT_USER,
        "MINIO_ROOT_PASSWORD_FILE": str(stack.settings.secrets_dir / "minio-root"),
        "MINIO_SITE_REGION": stack.settings.s3_region,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
    }
    command = [str(fetch.minio_program(stack)), "server", str(data), "--address", f"{stack.s3}", "--quiet"]
    return Launch(command, environment, stack.state(NAME))


def provision(stack: Stack) -> None:
    """Make bucket, versioning, lifecycle, policies and users, or bring them to what they should be."""
    bucket = stack.settings.bucket
    client, admin = _client(stack), MinioAdmin(**_way(stack))
    try:
        if not client.bucket_exists(bucket_name=bucket):
            client.make_bucket(bucket_name=bucket)
        client.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(ENABLED))
        client.set_bucket_lifecycle(bucket_name=bucket, config=_lifecycle())
        for user in USERS:
            admin.policy_add(user, policy=json.loads(render(f"minio/{user}.json", bucket=bucket)))
            admin.user_add(user, secret(stack, f"minio-{user}"))
            admin.policy_set(user, user=user)
    except S3Error as error:
        raise EnvironmentFailed(
            f"MinIO refuses {ROOT_USER} ({error.code}): is {stack.settings.secrets_dir / 'minio-root'} that of this "
            "MinIO? `make stack-down stack-up` starts it with the secret of that file."
        ) from error
    except (MinioException, HTTPError, OSError) as error:
        raise EnvironmentFailed(
            f"MinIO at {stack.s3} could not be set up ({type(error).__name__}): `make stack-logs SERVICE=minio` says "
            "more."
        ) from error


def _client(stack: Stack) -> Minio:
    """The object store as its root sees it."""
    return Minio(**_way(stack))


def _way(stack: Stack) -> dict[str, Any]:
    # It says that it is ready a moment before it takes requests, and answers 503 in between.
    retries = Retry(10, backoff_factor=0.1, status_forcelist=(500, 502, 503, 504), allowed_methods=None)
    return {
        "endpoint": str(stack.s3),
        "credentials": StaticProvider(ROOT_USER, secret(stack, "minio-root")),
        "secure": False,
        "region": stack.settings.s3_region,
        "http_client": PoolManager(timeout=Timeout(_TIMEOUT_SECONDS), retries=retries),
    }


def _lifecycle() -> LifecycleConfig:
    """Old versions go after days; MinIO itself clears uploads that were never finished, after one."""
    return LifecycleConfig(
        [
            Rule(
                ENABLED,
                rule_filter=Filter(prefix=""),
                rule_id="noncurrent",
                noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=NONCURRENT_DAYS),
                expiration=Expiration(expired_object_delete_marker=True),
            ),
        ]
    )


def bring_back(stack: Stack, key: str) -> None:
    """Put the version that an object had before its newest one, or before its deletion, in its place."""
    bucket = stack.settings.bucket
    key = key.removeprefix(f"s3://{bucket}/")
    client = _client(stack)
    try:
        found = list(client.list_objects(bucket_name=bucket, prefix=key, include_version=True))
        versions = [v for v in found if v.object_name == key]  # newest first
        earlier = [v for v in versions[1:] if not v.is_delete_marker]
        if not earlier:
            raise InputError(f"{bucket} has no earlier version of {key}: they go after {NONCURRENT_DAYS} days.")
        source = CopySource(bucket_name=bucket, object_name=key, version_id=earlier[0].version_id)
        client.copy_object(bucket_name=bucket, object_name=key, source=source)
    except (MinioException, HTTPError, OSError) as error:
        raise EnvironmentFailed(
            f"MinIO at {stack.s3} did not bring {key} back ({type(error).__name__}): see `make stack-status`."
        ) from error
