"""Writes Prometheus's configuration for this lake: `python -m infra.monitoring.configure --target 127.0.0.1:8050`.

It goes to HOME/stack/prometheus/prometheus.yml. Tokens go into the folder of secrets: what Carelake asks of
Prometheus, and what MinIO does.
"""

import argparse
import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from infra.native.spark_cluster import page_of
from infra.native.stack import Stack
from lakehouse.profile import is_on_servers
from lakehouse.secrets import read_secret, write_secret
from lakehouse.settings import Settings
from lakehouse.watch.answers import ensure_token

HERE = Path(__file__).parent
_YEARS = 5
_MINIO_ROOT = "lake_root"


def configuration(settings: Settings, target: str, scheme: str = "http", trino_user: str = "lake_dashboard") -> str:
    """The text of prometheus.yml."""
    trino, minio = urlsplit(settings.trino), urlsplit(settings.s3)
    said = {
        "rules": str(HERE / "alerts.yml"),
        "scheme": scheme,
        "secrets": str(settings.secrets_dir),
        "carelake": target,
        "minio": minio.netloc,
        "minio_scheme": minio.scheme,
        "trino": trino.netloc,
        "trino_scheme": trino.scheme,
        "trino_user": trino_user,
        "trino_ca": str(settings.trino_ca_file),
    }
    names = ["prometheus.yml"]
    if is_on_servers(settings):
        names.append("prometheus-stack.yml")
    if settings.spark_master:  # the pages of master and workers, as `make stack-up` places them
        stack = Stack(settings)
        pages = [str(page_of(stack, number)) for number in range(int(stack.sizes["SPARK_WORKERS"]) + 1)]
        said |= {"spark_master": json.dumps(pages[:1]), "spark_workers": json.dumps(pages[1:])}
        names.append("prometheus-spark.yml")
    return "".join(Template((HERE / name).read_text(encoding="utf-8")).substitute(said) for name in names)


def minio_token(access_key: str, secret_key: str, expires_at: int) -> str:
    """The bearer token that MinIO's metrics ask for, as `mc admin prometheus generate` makes it: a JWT with HS512."""

    def part(said: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).rstrip(b"=")

    claims = {"exp": expires_at, "sub": access_key, "iss": "prometheus"}
    text = part({"alg": "HS512", "typ": "JWT"}) + b"." + part(claims)
    signed = hmac.new(secret_key.encode(), text, hashlib.sha512).digest()
    return (text + b"." + base64.urlsafe_b64encode(signed).rstrip(b"=")).decode()


def write(settings: Settings, target: str, scheme: str = "http") -> Path:
    """Write the configuration and the tokens; where it stands."""
    ensure_token(settings)
    if is_on_servers(settings):
        until = int(time.time()) + _YEARS * 365 * 86400
        write_secret(settings, "metrics-minio", minio_token(_MINIO_ROOT, read_secret(settings, "minio-root"), until))
    path = settings.root / "stack" / "prometheus" / "prometheus.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(configuration(settings, target, scheme), encoding="utf-8")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write Prometheus's configuration for this lake.")
    parser.add_argument(
        "--target", default="127.0.0.1:8050", help="host:port of the dashboard or `lake metrics --listen`"
    )
    parser.add_argument("--scheme", default="http", choices=["http", "https"])
    given = parser.parse_args()
    print(write(Settings(), given.target, given.scheme))
