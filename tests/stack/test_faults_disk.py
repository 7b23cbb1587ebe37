"""The store's disk is full, or a file on it is damaged: a sentence says so, and no rows come from such a file."""

import io
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from minio import Minio
from minio.credentials.providers import StaticProvider
from minio.error import S3Error

from infra.native.__main__ import main as native
from infra.native.runner import down, up
from infra.native.services import all_services
from infra.native.stack import Stack
from lakehouse.control import open_control
from lakehouse.errors import EnvironmentFailed
from lakehouse.outages import explained
from lakehouse.secrets import read_secret
from lakehouse.session import own_session, release
from lakehouse.settings import Settings
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import TINY, held, ingest, observation, rows, run, write
from tests.stack import servers
from tests.stack.conftest import free_ports

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(servers.HOME not in os.environ, reason="`make test-stack-jobs` starts the servers"),
]
DISK_BYTES = 160 << 20


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of its own at that place; skips where mounting is not allowed."""
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk takes root and a kernel that lets it")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def on_small_disk(lake: Lake, tmp_path: Path) -> Iterator[tuple[Lake, Path]]:
    """The lake's tables in a store of their own, whose disk is small; and that disk."""
    home = tmp_path / "small"
    said = {"home": home, "s3": f"http://127.0.0.1:{free_ports(1)}", "secrets": lake.settings.secrets_dir}
    settings = lake.settings.model_copy(update=said)
    stack = Stack(settings)
    (store,) = (s for s in all_services(stack) if s.name == "minio")
    with small_disk(home / "stack" / "minio" / "data") as disk:
        try:
            up(stack, [store], lambda _: None)
            session = own_session(lake.spark, settings)
            yield Lake(session, open_control(settings), settings), disk
            release(session)
        finally:
            down(stack, [store], lambda _: None)


def test_a_full_disk_of_the_store_is_told_and_a_run_after_room_was_made_is_right(
    on_small_disk: tuple[Lake, Path], tmp_path: Path
) -> None:
    lake, disk = on_small_disk
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", 2), observation("bad", -1)]))
    run(lake)
    ingest(lake, write(tmp_path, "b.ndjson", [observation("b", 3), observation("c", -4), observation("bad", 7)]))
    filler = disk / "filler"

    def fault(table: str, begun: str) -> None:
        if begun == "write":
            fill(filler)

    with pytest.raises(EnvironmentFailed, match=f"{lake.settings.s3} has no space left"):
        run(lake, observe=fault)
    assert rows(lake) == [("a", "final", 1), ("b", "final", 2)], "readers see the earlier state"
    filler.unlink()
    wait_for_room(lake.settings)
    run(lake)
    assert rows(lake) == [("a", "final", 1), ("b", "final", 3), ("bad", "final", 7)]
    assert held(lake) == [("c", "amount_is_not_negative")]
    assert not lake.control.unfinished(TINY.name)


def fill(file: Path) -> None:
    """Take all the room that is left on a disk."""
    with file.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(random.randbytes(1 << 20))
        except OSError:
            return


def client(settings: Settings) -> Minio:
    keys = StaticProvider(settings.s3_user, read_secret(settings, f"minio-{settings.s3_user}"))
    return Minio(endpoint=settings.s3.removeprefix("http://"), credentials=keys, secure=False, region="us-east-1")


def wait_for_room(settings: Settings) -> None:
    """MinIO looks at its disk once a second: ask until it takes something."""
    until, store = time.monotonic() + 60, client(settings)
    while True:
        try:
            store.put_object(bucket_name=settings.bucket, object_name="room", data=io.BytesIO(b"x"), length=1)
            return
        except S3Error:
            assert time.monotonic() < until, "the store does not see that there is room"
            threading.Event().wait(0.2)


def truncated(good: bytes) -> bytes:
    return good[: len(good) // 2]


def emptied(good: bytes) -> bytes:
    return b""


def overwritten(good: bytes) -> bytes:
    return good[:4] + b"\xff" * 60 + good[64:]


@pytest.mark.parametrize("damage", [truncated, emptied, overwritten])
def test_a_damaged_file_gives_no_rows_but_a_sentence_and_its_earlier_version_comes_back(
    lake: Lake, tmp_path: Path, damage: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation(f"o{n}", n) for n in range(20)]))
    run(lake)
    before = rows(lake)
    (file,) = [r.file_path for r in lake.spark.sql("select file_path from lake.silver.tiny.files").collect()]
    store, (bucket, _, key) = client(lake.settings), file.removeprefix("s3://").partition("/")
    good = store.get_object(bucket_name=bucket, object_name=key).read()
    path = tmp_path / "damaged"
    path.write_bytes(damage(good))
    store.fput_object(bucket_name=bucket, object_name=key, file_path=str(path))

    with pytest.raises(EnvironmentFailed, match=r"silver\.tiny"), explained(lake.settings, TINY.name):
        rows(lake)
    ingest(lake, write(tmp_path, "b.ndjson", [observation("o1", 100)]))
    with pytest.raises(EnvironmentFailed, match=r"silver\.tiny.* missing or damaged"):
        run(lake)

    environment = lake.settings.model_copy(update={"home": Path(os.environ[servers.HOME])}).environment()
    told = CliRunner().invoke(native, ["bring-back", file], env=environment)
    assert told.exit_code == 0, told.output
    assert rows(lake) == before
    run(lake)
    assert rows(lake) == sorted([("o1", "final", 100), *(r for r in before if r[0] != "o1")])


def test_bits_that_turn_on_the_stores_disk_are_found_by_the_store(lake: Lake, tmp_path: Path) -> None:
    many = [observation(f"o{n}-{random.random()}", n % 900) for n in range(12_000)]
    ingest(lake, write(tmp_path, "a.ndjson", many))
    run(lake)
    (file,) = [r.file_path for r in lake.spark.sql("select file_path from lake.silver.tiny.files").collect()]
    place = Path(os.environ[servers.HOME]) / "stack" / "minio" / "data" / file.removeprefix("s3://")
    (part,) = place.rglob("part.1")  # what is small stands in the object's own metadata
    with part.open("r+b") as disk:
        disk.seek(part.stat().st_size // 3)
        byte = disk.read(1)[0]
        disk.seek(-1, os.SEEK_CUR)
        disk.write(bytes([byte ^ 0x01]))
    with (
        pytest.raises(EnvironmentFailed, match=r"silver\.tiny is missing or damaged"),
        explained(lake.settings, TINY.name),
    ):
        lake.spark.table("lake.silver.tiny").agg(dict.fromkeys(("tiny_id", "amount", "batch_id"), "max")).collect()
